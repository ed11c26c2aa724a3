"""Contacts, pulse counters and relays with the real library, on a chip that answers as the kernel would.

The chip is `gpio_chip.c`, preloaded: most kernels under test (and all of CI's) have no GPIO.
"""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
INPUT, OUTPUT, ACTIVE_LOW, RISING = 1 << 2, 1 << 3, 1 << 1, 1 << 4
PULL_UP = 1 << 8

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory, needs):
    pytest.importorskip("gpiod") if os.environ.get("CI") != "true" else __import__("gpiod")
    library = tmp_path_factory.mktemp("gpio") / "gpio_chip.so"
    subprocess.run(
        [needs("gcc"), "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library,
         HERE / "gpio_chip.c", "-ldl"],
        check=True,
    )  # fmt: skip
    return library


class Chip:
    def __init__(self, place, library):
        self.place = place
        self.library = library

    def level(self, line, high):
        (self.place / f"level-{line}").write_text("1" if high else "0")

    def driven(self, line):
        return (self.place / f"out-{line}").read_text()

    def requests(self):
        found = re.findall(r"line=(\d+) flags=(\w+) debounce_us=(\d+) by=(\S+)", self.asked())
        return {int(n): (int(flags, 16), int(us), by) for n, flags, us, by in found}

    def asked(self):
        return (self.place / "requests").read_text()

    def run(self, program):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "LD_PRELOAD": str(self.library), "GPIO_CHIP": str(self.place)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]


@pytest.fixture
def chip(tmp_path, preloaded):
    return Chip(tmp_path, preloaded)


def test_a_contact_reads_its_level_with_bias_and_debounce(chip):
    chip.level(3, high=False)
    said = chip.run(f"""
from pathlib import Path
from device_agent.sensor_settings import LineSettings
from device_agent.sensors.board.contact import sources
(source,) = sources(LineSettings(name="door/open", line=3, bias="pull-up", active_low=True), None)
print(source.read())
Path({str(chip.place)!r}, "level-3").write_text("1")
print(source.read())
""")
    assert said == ["True", "False"], "active low: closed to ground is active"
    flags, debounce_us, by = chip.requests()[3]
    assert flags == INPUT | ACTIVE_LOW | PULL_UP
    assert debounce_us > 0
    assert by == "forewarn-agent"
    assert chip.asked().count("line=3") == 1, "the line is asked for once and held"


def event(line_seqno):
    return struct.pack("<QIIII24x", 1_000_000 * line_seqno, 1, 5, line_seqno, line_seqno)


def test_pulses_are_counted_by_the_kernels_numbers_even_where_its_queue_ran_over(chip):
    (chip.place / "events").write_bytes(b"".join(map(event, (1, 2, 3))))
    # The kernel dropped what lay between: its numbers go on.
    (chip.place / "more").write_bytes(b"".join(map(event, (40, 41))))
    said = chip.run(f"""
import os
from pathlib import Path
from device_agent.sensors.board.gpio import KernelInput
line = KernelInput("/dev/gpiochip0", 5, active_low=False, bias="as-is", debounce_ms=2, edges=True)
print(line.pulses())
place = Path({str(chip.place)!r})
for name in ("events", "more"):
    with open(place / "line-5", "wb", buffering=0) as queue:
        queue.write((place / name).read_bytes())
    print(line.pulses())
print(line.pulses())
""")
    assert said == ["0", "3", "41", "41"]
    flags, debounce_us, _ = chip.requests()[5]
    assert flags == INPUT | RISING
    assert debounce_us == 2000


@pytest.mark.parametrize(("active_low", "driven"), [(False, "010"), (True, "101")])
def test_a_relay_is_off_on_and_off_again(chip, active_low, driven):
    chip.run(f"""
from device_agent.sensors.board.gpio import KernelOutput
line = KernelOutput("/dev/gpiochip0", 2, active_low={active_low})
line.set_active(True)
line.set_active(False)
line.release()
""")
    assert chip.driven(2) == driven
    assert chip.requests()[2][0] & OUTPUT


@pytest.mark.parametrize(
    ("chip_path", "line", "said"),
    [
        ("/dev/gpiochip0", 6, "line 6 of /dev/gpiochip0 can't be had: Device or resource busy"),
        ("/dev/gpiochip0", 700, "line 700 of /dev/gpiochip0 can't be had"),
        ("/dev/gpiochip9", 1, "line 1 of /dev/gpiochip9 can't be had: No such file"),
        ("/dev/null", 1, "line 1 of /dev/null can't be had"),
    ],
)
def test_a_line_that_is_not_to_be_had_is_named(chip, chip_path, line, said):
    (chip.place / "busy-6").write_text("")
    (told,) = chip.run(f"""
from device_agent.errors import SensorError
from device_agent.sensors.board.gpio import KernelOutput
try:
    KernelOutput({chip_path!r}, {line}, active_low=False)
except SensorError as error:
    print(error)
""")
    assert told.startswith(said)


def test_the_program_lists_lines_with_their_values(chip, tmp_path):
    chip.level(1, high=True)
    config = tmp_path / "agent.toml"
    config.write_text(
        'device_id = "d"\n[[sensors.contact]]\nname = "door/open"\nline = 1\n'
        '[[sensors.pulse_counter]]\nname = "water/flow"\nline = 4\nunit = "l/s"\n'
    )
    said = chip.run(f"""
from device_agent.cli import main
main(["sensors", "--config", {str(config)!r}])
""")
    (row,) = [line for line in said if line.startswith("door/open")]
    assert "true" in row.lower() or " 1" in row
    assert any(line.startswith("water/flow") for line in said)
