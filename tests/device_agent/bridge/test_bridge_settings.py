"""``[[serial]]``: every mistake with its line, and tables that make working protocols."""

import pytest

from device_agent.bridge.protocol_table import build_protocol
from device_agent.config import parse_settings
from device_agent.errors import ConfigError
from firmware_bridge import HostLink, Readings

HEAD = 'device_id="d"\n'


def table(text, extra=""):
    return parse_settings(
        f'{HEAD}{extra}[[serial]]\nname="mcu"\nport="/dev/ttyUSB0"\n{text}'
    ).serial[0]


@pytest.mark.parametrize(
    ("text", "stream", "values"),
    [
        ('protocol="json"', b'{"t":1}\n', [1.0]),
        ('protocol="csv"\ndelimiter=";"\ncolumns=["a","b"]', b"1;2\n", [1.0, 2.0]),
        ('protocol="regex"\npattern="T(?P<t>.+)"', b"T21.5\n", [21.5]),
        ('protocol="println"\nnames=["t"]\nunits=["t=Cel"]', b"21.5\n", [21.5]),
        ('protocol="key_value"\nframing="slip"', b"\xc0t=1\xc0", [1.0]),
        ('protocol="nmea"', b"$SDMTW,17.5,C*07\n", [17.5]),
    ],
)
def test_tables_make_protocols(text, stream, values):
    events = build_protocol(table(text)).receive(stream, 0.0)
    assert [r.value for e in events if isinstance(e, Readings) for r in e] == values


def test_default_is_our_link_and_modbus_has_registers():
    assert isinstance(build_protocol(table("")), HostLink)
    rows = '[[serial.registers]]\nname="flow"\naddress=7\ntype="f32"\nunit="l/s"\n'
    settings = table(f'protocol="modbus"\n{rows}')
    assert settings.registers[0].type == "f32"
    protocol = build_protocol(settings)
    protocol.tick(0.0)
    assert protocol.take_outgoing(0.0)[:6] == bytes([1, 3, 0, 7, 0, 2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('protocol="telepathy"', "line 5: [serial] protocol: must be link"),
        ('protocol="modbus"', "[serial] registers"),
        ('protocol="regex"\npattern="("', "line 6: [serial] pattern"),
        ('protocol="regex"\npattern="x"', "line 6: [serial] pattern: has no named group"),
        ('protocol="println"\nunits=["t"]', "line 6: [serial] units"),
        ('protocol="println"\ncommand_line="on"', "line 6: [serial] command_line"),
        ('protocol="json"\nport2=1', "line 6: [serial] port2: is not a setting"),
        ('[[serial]]\nname="mcu"\nport="/dev/ttyUSB1"', "line 6: [serial] name: mcu is used twice"),
        ('[[serial]]\nname="b"\nport="usb:12:34"', "line 7: [serial] port"),
        (
            'protocol="modbus"\n[[serial.registers]]\nname="flow"\naddress=70000',
            "line 8: [serial.registers] address",
        ),
    ],
)
def test_mistakes_have_their_line(text, said):
    with pytest.raises(ConfigError) as caught:
        table(text)
    assert any(mistake.startswith(said) or said in mistake for mistake in caught.value.mistakes)


def test_bridge_command_needs_a_table_with_commands():
    allow = '[commands]\nallow=["bridge"]\n'
    with pytest.raises(ConfigError, match="bridge needs a table"):
        table('protocol="json"', allow)
    assert table('commands=["relay"]', allow).commands == ("relay",)
