"""Splitting at delimiters: any chunking alike, memory bounded, losses counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.framing.delimited import Delimited
from firmware_bridge.framing.tally import Tally

STREAM = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"a", b"bcdefgh", b"\0", b"x" * 30]), max_size=40
)


def split(chunks: list[bytes], limit: int = 20) -> tuple[list[bytes], Tally, int]:
    tally = Tally()
    splitter = Delimited(b"\r\n", limit, tally)
    frames = [frame for chunk in chunks for frame in splitter.feed(chunk)]
    return frames, tally, splitter.held_bytes


@given(STREAM, st.lists(st.integers(1, 50), max_size=20))
def test_chunks_make_no_difference(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    chunks, at = [], 0
    for cut in cuts:
        chunks.append(stream[at : at + cut])
        at += cut
    chunks.append(stream[at:])
    whole = split([stream])
    # What is held back of a frame that is too long may be counted before or after its end.
    assert split(chunks) == whole
    assert split([bytes([b]) for b in stream]) == whole


@given(STREAM)
def test_frames_are_the_lines_that_fit(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    lines = stream.replace(b"\r", b"\n").split(b"\n")[:-1]
    frames, tally, held = split([stream])
    assert frames == [line for line in lines if 0 < len(line) <= 20]
    assert held <= 20
    assert tally.received_bytes == len(stream)


def test_a_megabyte_without_an_end_costs_no_memory() -> None:
    tally = Tally()
    splitter = Delimited(b"\n", 100, tally)
    for _ in range(256):
        assert splitter.feed(b"z" * 4096) == []
        assert splitter.held_bytes <= 100
    assert splitter.feed(b"\nok\n") == [b"ok"]
    assert (tally.too_long, tally.dropped_bytes) == (1, 256 * 4096)


def test_forgotten_half_frame_does_not_touch_the_next() -> None:
    splitter = Delimited(b"\n", 100, Tally())
    splitter.feed(b"old")
    splitter.forget()
    assert splitter.feed(b"new\n") == [b"new"]
