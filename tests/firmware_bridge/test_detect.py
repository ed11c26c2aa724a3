"""The guesser: real streams of every protocol at one of several baud rates, noise at the others."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import BAUDS, build, guess, survey
from firmware_bridge.framing import slip
from firmware_bridge.framing.crc import nmea_sum

GOLDEN = Path(__file__).parent / "golden"


def sentence(text: str) -> str:
    return f"${text}*{nmea_sum(text.encode()):02X}"


def link_capture() -> bytes:
    turns = json.loads((GOLDEN / "conversation.json").read_text())
    return b"".join(bytes.fromhex(t["wire"]) for t in turns if t["from"] == "mcu")


def lines(*made: str) -> bytes:
    return ("\r\n".join(made) + "\r\n").encode()


STREAMS = {
    "link": link_capture(),
    "json": lines(*(f'{{"t": {20 + n / 10}, "h": {n}}}' for n in range(9))),
    "key_value": lines(*(f"temp={20 + n / 10} hum={n}%" for n in range(9))),
    "csv": lines("temp,hum", *(f"{20 + n / 10},{n}" for n in range(9))),
    "nmea": lines(*(sentence(f"SDMTW,{n}.5,C") for n in range(9))),
    "println": lines(*(f"{20 + n / 10}" for n in range(9))),
}


def noise(size: int, seed: int = 1) -> bytes:
    random = Random(seed)
    return bytes(random.choice(b"\x00\x80\xf8\xfe\xff\xe0\x1c\x78x?") for _ in range(size))


@pytest.mark.parametrize("protocol", sorted(STREAMS))
def test_protocol_and_baud_are_found(protocol: str) -> None:
    stream = STREAMS[protocol]
    captures = {9600: noise(300), 57600: stream, 115200: noise(500, 2)}
    best = guess(captures)[0]
    assert (best.protocol, best.baud) == (protocol, 57600)
    assert best.confidence > 0.7
    assert best.frames >= 5
    # The settings that it gives are settings that can be used.
    events = build(best.protocol, best.settings).receive(stream, 0.0)
    assert events


@pytest.mark.parametrize("protocol", sorted(STREAMS))
def test_capture_cut_anywhere_is_still_known(protocol: str) -> None:
    stream = STREAMS[protocol] * 3
    for cut in range(1, 25):
        best = guess({115200: stream[cut : len(stream) - cut]})[0]
        assert best.protocol in {protocol, "println" if protocol == "csv" else protocol, "csv"}


def test_csv_without_a_header_gets_columns() -> None:
    best = guess({9600: lines(*(f"{n};{n * 2};7" for n in range(9)))})[0]
    assert best.protocol == "csv"
    assert best.settings == {"delimiter": ";", "columns": ["value_1", "value_2", "value_3"]}
    assert best.understood[0].value == 1.0


def test_json_in_slip() -> None:
    best = guess({9600: b"".join(slip.encode(b'{"t": %d}' % n) for n in range(9))})[0]
    assert (best.protocol, best.settings) == ("json", {"framing": "slip"})


def test_boot_messages_lower_the_confidence_only() -> None:
    chatter = lines("Booting v1.2 ...", "WiFi off", "sensor found at 0x76")
    calm = guess({9600: STREAMS["key_value"]})[0]
    chatty = guess({9600: chatter + STREAMS["key_value"]})[0]
    assert chatty.protocol == "key_value"
    assert 0.6 < chatty.confidence < calm.confidence
    assert chatty.not_understood == 2


def test_silence_and_noise_give_nothing() -> None:
    assert guess({}) == []
    assert guess({9600: b""}) == []
    assert guess({9600: noise(5000), 115200: bytes(3000)}) == []


@given(st.dictionaries(st.sampled_from(BAUDS), st.binary(max_size=400), max_size=3))
def test_any_capture_gives_ordered_guesses(captures: dict[int, bytes]) -> None:
    found = guess(captures)
    assert [g.confidence for g in found] == sorted((g.confidence for g in found), reverse=True)
    assert all(0 <= g.confidence < 1 and g.baud in captures for g in found)


def test_survey_stops_at_the_first_convincing_rate() -> None:
    asked: list[int] = []

    def listen(baud: int, seconds: float) -> bytes:
        asked.append(baud)
        return STREAMS["json"] if baud == 57600 else noise(200, baud)

    assert survey(listen)[0].baud == 57600
    assert asked == [115200, 9600, 57600]
    assert survey(lambda *_: b"") == []
