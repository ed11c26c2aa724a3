"""What each text protocol reads, and what it refuses."""

from __future__ import annotations

import math

import pytest

from firmware_bridge import (
    Announced,
    CommandEnded,
    CommandRefused,
    McuReset,
    Outcome,
    Readings,
    SettingsError,
    build,
)
from firmware_bridge.framing.crc import nmea_sum
from firmware_bridge.protocols.text import MAX_METRICS


def read(protocol: str, line: str, **settings) -> dict | None:
    """Name → (value, unit) of one line; None if it was not understood."""
    built = build(protocol, settings)
    events = built.receive(line.encode() + b"\n", 0.0)
    if built.tally.bad:
        return None
    found = {r.name: (r.value, r.unit) for e in events if isinstance(e, Readings) for r in e}
    return found | {n: None for e in events if isinstance(e, Readings) for n in e.failed}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"t": 1, "u": {"v": 2}}', {"t": (1.0, ""), "u/v": (2.0, "")}),
        ('{"t": {"value": 20, "unit": "°C"}}', {"t": (20.0, "Cel")}),
        ('{"name": "p", "value": 1013, "unit": "hPa"}', {"p": (1013.0, "hPa")}),
        ('{"a": [1, true, "on"]}', {"a/0": (1.0, ""), "a/1": (True, ""), "a/2": ("on", "")}),
        ('{"t": null}', {"t": None}),
        ('{"t": 1e999}', None),
        ("[1, 2]", None),
        ("21", None),
        ('{"t": NaN}', None),
        ('{"t": 1', None),
        ("[" * 900, None),
        ('{"a":' * 150 + "1" + "}" * 150, {}),
        ("{" + ",".join(f'"k{n}": 1' for n in range(65)) + "}", None),
    ],
)
def test_json(line: str, expected: dict | None) -> None:
    assert read("json", line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("temp=21.5 hum=40%", {"temp": (21.5, ""), "hum": (40.0, "%")}),
        ("Temp: 21.5 C, Hum: 40 %", {"temp": (21.5, "Cel"), "hum": (40.0, "%")}),
        ("a=1;b=-2.5e3|c=on", {"a": (1.0, ""), "b": (-2500.0, ""), "c": (True, "")}),
        ("state=idle", {"state": ("idle", "")}),
        ("t=nan", {"t": None}),
        ("hello world", None),
        ("t=", None),
        ("=5", None),
        ("t=21.5 and more of it", {"t": ("21.5 and more of it", "")}),
    ],
)
def test_key_value(line: str, expected: dict | None) -> None:
    assert read("key_value", line) == expected


def test_hostile_lines_cost_little() -> None:
    built = build("key_value", {"max_line_bytes": 65536})
    for line in (
        b" " * 60_000,
        b"a " * 30_000,
        b"1" * 60_000,
        b"a=" + b"1" * 60_000,
        b"a=1" + b" " * 60_000 + b".",
    ):
        built.receive(line + b"\n", 0.0)
    assert built.tally.frames <= 1


def test_csv_header_in_the_middle_is_a_new_start() -> None:
    csv = build("csv")
    events = csv.receive(b"1,2\ntemp (C),rpm\n20,900\n21,nan\ntemp (C),rpm\n22,901\n3\n", 0.0)
    rows = [e for e in events if isinstance(e, Readings)]
    assert [r.values for r in rows] == [[20.0, 900.0], [21.0], [22.0, 901.0]]
    assert rows[0].units == ["Cel", ""]
    assert rows[1].failed == ["rpm"]
    assert csv.tally.bad == 2  # a row before any header, and a short one


def test_csv_with_given_columns_takes_no_header() -> None:
    assert read("csv", "1;2", columns=["a", "b"], delimiter=";") == {"a": (1.0, ""), "b": (2.0, "")}
    assert read("csv", "x;y", columns=["a", "b"], delimiter=";") is None


def test_regex_with_names_from_the_line() -> None:
    pattern = r"(?P<name>\w+)\s*->\s*(?P<value>\S+?)(?P<unit>[A-Z]*)"
    assert read("regex", "pump -> 12.5V", pattern=pattern) == {"pump": (12.5, "V")}
    assert read("regex", "pump", pattern=pattern) is None


@pytest.mark.parametrize("pattern", ["(", "nothing named", "(?P<a>x)(?P<a>y)"])
def test_regex_that_is_none(pattern: str) -> None:
    with pytest.raises(SettingsError, match="pattern"):
        build("regex", {"pattern": pattern})


@pytest.mark.parametrize(
    ("line", "settings", "expected"),
    [
        ("21.5", {}, {"value": (21.5, "")}),
        ("21.5", {"names": ["temp"], "units": {"temp": "Cel"}}, {"temp": (21.5, "Cel")}),
        ("1, 2\t3", {}, {"value_1": (1.0, ""), "value_2": (2.0, ""), "value_3": (3.0, "")}),
        ("t:1,h:2", {}, {"t": (1.0, ""), "h": (2.0, "")}),
        ("Booting...", {}, None),
        ("nan", {}, {"value": None}),
    ],
)
def test_println(line: str, settings: dict, expected: dict | None) -> None:
    assert read("println", line, **settings) == expected


def sentence(text: str) -> str:
    return f"${text}*{nmea_sum(text.encode()):02X}"


def test_nmea_known_sentences() -> None:
    gga = read("nmea", "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47")
    assert gga is not None
    assert gga["latitude"] == (pytest.approx(48.1173, abs=1e-4), "lat")
    assert gga["longitude"][0] == pytest.approx(11.516667, abs=1e-5)
    assert gga["altitude"] == (545.4, "m")
    rmc = read("nmea", sentence("GPRMC,081836,A,3751.65,S,14507.36,E,010.0,360.0,130998,011.3,E"))
    assert rmc is not None
    assert rmc["latitude"][0] == pytest.approx(-37.860833, abs=1e-5)
    assert rmc["speed"][0] == pytest.approx(5.14444, abs=1e-4)
    assert read("nmea", sentence("WIXDR,C,19.2,C,AIR,P,101300,P,BARO")) == {
        "air": (19.2, "Cel"),
        "baro": (101300.0, "Pa"),
    }
    assert read("nmea", sentence("WIMWV,214.8,R,36,K,A"))["wind_speed"][0] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*48", None),
        ("$SDMTW,17.5,C", None),
        (sentence("GPGSV,1,1,00"), {}),
        (sentence("GPRMC,081836,V,3751.65,S,14507.36,E,1,2,130998,,"), {}),
        (sentence("GPGLL,9999.0,N,00000.0,E,1,A"), {}),
        (sentence("SDMTW,,C"), {}),
    ],
)
def test_nmea_refuses(line: str, expected: dict | None) -> None:
    assert read("nmea", line) == expected


def test_control_characters_and_bad_utf8_are_not_lines() -> None:
    built = build("key_value")
    built.receive(b"t=1\x1b[31m\nt=\xff\xfe\nt=2\n", 0.0)
    assert (built.tally.bad, built.tally.frames) == (2, 1)


def test_noise_that_makes_names_is_bounded() -> None:
    built = build("key_value")
    for n in range(2 * MAX_METRICS):
        built.receive(f"n{n}=1\n".encode(), 0.0)
    assert built.tally.unknown == MAX_METRICS
    [announced] = [e for e in built.receive(b"n0=1\n", 0.0) if isinstance(e, Announced)] or [None]
    assert announced is None


def test_clock_field_maps_times_and_shows_resets() -> None:
    built = build("key_value", {"clock_field": "ms"})
    [_, first] = built.receive(b"ms=100000 t=1\n", 1000.0)
    assert (first.times_s, first.mcu_ms) == ([1000.0], [100000])
    [late] = built.receive(b"ms=101000 t=1\n", 1001.4)
    assert late.times_s == [1001.0]
    [reset, after] = built.receive(b"ms=12 t=1\n", 1030.0)
    assert reset == McuReset(1030.0, "unknown", 101.0)
    assert after.times_s == [1030.0]


def test_commands_are_lines() -> None:
    built = build("println", {"command_line": "SET {name} {args}"})
    built.command("k", "relay", [1, 2])
    assert built.wake_s < 1
    assert built.take_outgoing(1.0) == b"SET relay 1 2\n"
    assert built.tick(1.0) == [CommandEnded(1.0, "k", Outcome.DONE, 0, "written; no answer")]
    assert built.wake_s == math.inf
    for bad in ("re lay", "a\nb", "ż"):
        with pytest.raises(CommandRefused):
            built.command("k", bad, [])
    with pytest.raises(CommandRefused, match="command_line"):
        build("println").command("k", "relay", [])


@pytest.mark.parametrize(
    ("protocol", "settings", "field"),
    [
        ("telepathy", {}, "protocol"),
        ("json", {"framing": "smoke"}, "framing"),
        ("json", {"max_line_byte": 100}, "settings"),
        ("csv", {"delimiter": ";;"}, "delimiter"),
        ("link", {"baud": 1}, "settings"),
        ("regex", {}, "settings"),
        ("modbus", {"registers": [{"name": "t", "address": 70000}]}, "registers[0].address"),
        ("println", {"command_line": "no placeholder"}, "command_line"),
    ],
)
def test_wrong_settings_name_the_field(protocol: str, settings: dict, field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        build(protocol, settings)
    assert caught.value.field.endswith(field) or field in caught.value.field
