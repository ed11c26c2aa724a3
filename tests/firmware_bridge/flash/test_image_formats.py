"""Images: what they say of themselves, and that any bytes give facts or ImageRefused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import ImageRefused
from firmware_bridge.flash.avrdude import write_hex
from firmware_bridge.flash.formats import read_esp, read_hex, read_mcuboot
from tests.firmware_bridge.flash.images import esp_image, mcuboot_image

READERS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "hex": (read_hex, write_hex(bytes(range(100)))),
    "esp": (read_esp, esp_image(5, 200)),
    "mcuboot": (read_mcuboot, mcuboot_image("1.2.3", 200, protected=True)),
}
readers = st.sampled_from(sorted(READERS))


def refused(read: Callable[[bytes], Any], data: bytes) -> bool:
    try:
        read(data)
    except ImageRefused:
        return True
    return False


def test_facts() -> None:
    assert read_esp(esp_image(0)).chip == "esp32"
    assert read_esp(esp_image(5)).chip == "esp32c3"
    facts = read_mcuboot(mcuboot_image("1.20.300"))
    assert facts.version == "1.20.300"
    assert len(facts.hash) == 32
    # An example by hand: two records, a segment address, an end.
    read = read_hex(b":020000021000EC\r\n:0400100001020304E2\r\n:00000001FF\r\n")
    assert (read.first, read.end, read.data) == (0x10010, 0x10014, b"\1\2\3\4")


@given(data=st.binary(max_size=20_000))
def test_hex_goes_both_ways(data: bytes) -> None:
    if data.strip(b"\xff"):
        facts = read_hex(write_hex(data))
        assert (b"\xff" * facts.first + facts.data).ljust(len(data), b"\xff") == data
    else:
        assert refused(read_hex, write_hex(data))


@given(kind=readers, data=st.binary(max_size=400))
def test_any_bytes(kind: str, data: bytes) -> None:
    read, whole = READERS[kind]
    refused(read, data)
    refused(read, whole[:48] + data)


@given(kind=readers, cut=st.integers(0, 10_000))
def test_cut_short_is_refused(kind: str, cut: int) -> None:
    read, whole = READERS[kind]
    # The hash behind an ESP image is told by a flag of its header; a HEX file's last newline is nothing.
    assert refused(read, whole.rstrip(b"\n")[: cut % len(whole.rstrip(b"\n"))])


@given(kind=readers, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_bit_is_noticed(kind: str, at: int, bit: int) -> None:
    read, whole = READERS[kind]
    at %= len(whole)
    bad = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
    if kind == "hex":
        # Letters of either case are the same number, and so may spaces at a line's end be.
        assert refused(read, bad) or read(bad) == read(whole)
    elif kind == "esp":
        # Its hash covers all; but a flag says whether there is one, and then only the segments are summed up.
        assert refused(read, bad) or not read(bad).has_hash
    else:
        assert refused(read, bad) or at >= len(whole) - 40


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello", "line 1 is no record"),
        (b":0400100001020304E3\n", "line 1 is damaged"),
        (b":0400100001020304E2\n", "cut short"),
        (b":00000001FF\n:0400100001020304E2\n", "after the end"),
        (b":04001000010203 4E2\n", "no record"),
        (b":0400100001020304E2\n:0400120001020304E0\n:00000001FF\n", "twice"),
        (b":02000004FFFFFC\n:0400100001020304E2\n:00000001FF\n", "beyond"),
        (b":0100000700F8\n", "unknown kind"),
    ],
)
def test_hex_says_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(ImageRefused, match=said):
        read_hex(data)


def test_espressif_says_what_is_wrong() -> None:
    whole = esp_image(0, 400)
    for bad, said in (
        (b"\xe8" + whole[1:], "begin with E9"),
        (whole[:100], "cut short"),
        (whole[:-1] + b"?", "own SHA-256"),
        (whole[:60] + b"?" + whole[61:], "checksum"),
        (esp_image(999, 40), "not known here"),
    ):
        with pytest.raises(ImageRefused, match=said):
            read_esp(bad)
