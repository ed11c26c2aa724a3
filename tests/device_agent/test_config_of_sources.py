"""Mistakes in sensors and commands are told with their line and their reason, all at once."""

import pytest

from device_agent.config import parse_settings
from device_agent.errors import ConfigError

HEAD = 'device_id = "a"\n'


def mistakes(text):
    with pytest.raises(ConfigError) as caught:
        parse_settings(HEAD + text)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[sensors]\nroot = "sys"', "line 3: [sensors] root: 'sys' does not fit /.*"),
        (
            '[sensors.temperature]\nsys_root = "/x"',
            "line 3: [sensors.temperature] sys_root: is not a setting",
        ),
        ("[[sensors.exec]]\nname = 'a'", "line 2: [sensors.exec] run is required"),
        ("[[sensors.exec]]\nname = 'a'\nrun = []", "line 4: [sensors.exec] run: must not be empty"),
        (
            "[[sensors.exec]]\nname = 'a'\nrun = 'ls'",
            "line 4: [sensors.exec] run: must be a list of texts",
        ),
        (
            "[[sensors.file]]\nname = 'a'\npath = '/x'\npattern = '('",
            "line 5: [sensors.file] pattern: '(' is no regular expression",
        ),
        (
            "[[sensors.file]]\nname = 'a'\npath = '/x'\njson = 'a..b'",
            "line 5: [sensors.file] json: 'a..b' is no path",
        ),
        (
            "[[sensors.file]]\nname = 'a'\npath = '/x'\njson = 'a'\npattern = 'b'",
            "line 5: [sensors.file] json: give this or pattern, not both",
        ),
        (
            "[[sensors.file]]\nname = 'a'\npath = '/x'\nlow = 2\nhigh = 1",
            "line 5: [sensors.file] low: is above high",
        ),
        (
            "[[sensors.file]]\nname = 'a'\npath = '/x'\n[[sensors.exec]]\nname = 'a'\nrun = ['x']",
            "line 6: [sensors.exec] name: a is used twice",
        ),
        ("[[sensors.http]]\nname = 'a'\nurl = 'file:///etc/passwd'", "line 4: [sensors.http] url:"),
        (
            "[[sensors.modbus]]\nname = 'a'\nhost = 'h'\ntype = 'u8'",
            "line 5: [sensors.modbus] type: must be",
        ),
        (
            "[[sensors.modbus]]\nname = 'a'\nhost = 'h'\naddress = 65536",
            "line 5: [sensors.modbus] address:",
        ),
        (
            "[[sensors.process]]\nname = 'a'",
            "line 2: [sensors.process] program: give this or pid_file",
        ),
        (
            "[[sensors.process]]\nname = 'a'\nprogram = 'x'\npid_file = '/y'",
            "line 4: [sensors.process] program: give this or pid_file",
        ),
        (
            "[[sensors.certificate]]\nname = 'a'",
            "line 2: [sensors.certificate] path: give this or host",
        ),
        (
            "[[sensors.serial_port]]\nname = 'a'\nport = 'COM1'",
            "line 4: [sensors.serial_port] port:",
        ),
        (
            "[[sensors.serial_port]]\nname = 'a'\nport = '/dev/x'\nvendor = '0x403'",
            "line 5: [sensors.serial_port] vendor:",
        ),
        ("[[sensors.contact]]\nname = 'a'", "line 2: [sensors.contact] line is required"),
        (
            "[[sensors.pulse_counter]]\nname = 'a'\nline = 'x'",
            "line 4: [sensors.pulse_counter] line:",
        ),
        (
            "[commands]\nallow = ['restart']",
            "line 3: [commands] allow: restart needs a table [[commands.restart]]",
        ),
        (
            "[commands]\nallow = ['pulse']",
            "line 3: [commands] allow: pulse needs a table [[commands.pulse]]",
        ),
        (
            "[commands]\nallow = ['reboot']\nreboot = []",
            "line 4: [commands] reboot: must not be empty",
        ),
        (
            "[commands]\nallow = ['format_disk']",
            "line 3: [commands] allow: 'format_disk' is not one of",
        ),
        (
            "[[commands.restart]]\nname = 'a'\nrun = ['x']\n" * 2,
            "line 6: [commands.restart] name: a is used twice",
        ),
        (
            "[[commands.pulse]]\nname = 'a'\nline = 1\nlongest_ms = 0",
            "line 5: [commands.pulse] longest_ms:",
        ),
    ],
)
def test_a_mistake_is_told_where_it_is(text, said):
    found = mistakes(text)
    assert any(mistake.startswith(said) for mistake in found), found


def test_what_changes_the_machine_is_not_allowed_unless_named():
    assert set(parse_settings(HEAD).commands.allow) == {"read_now", "set_sampling", "diagnostics"}


def test_several_mistakes_are_told_together_in_their_order():
    text = "[[sensors.exec]]\nname = 'A'\nrun = []\n[[sensors.modbus]]\nname = 'b'\nport = 0\n"
    assert [m.split(":")[0] for m in mistakes(text)] == ["line 3", "line 4", "line 5", "line 7"]
