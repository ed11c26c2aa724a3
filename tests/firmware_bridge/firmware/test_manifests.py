"""What Arduino IDE and PlatformIO look for is there, agrees with itself, and the sketch runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.firmware_bridge import reference_link as ref
from tests.firmware_bridge.firmware.conftest import FIRMWARE, HERE, run

SKETCH = FIRMWARE / "examples" / "ArduinoMonitor" / "ArduinoMonitor.ino"
RUN_SKETCH = """\
int main() {
    setup();
    for (now_ms = 0; now_ms < 2500; now_ms += 10) loop();
}
"""


def arduino() -> dict[str, str]:
    lines = (FIRMWARE / "library.properties").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_manifests_agree() -> None:
    platformio = json.loads((FIRMWARE / "library.json").read_text("utf-8"))
    properties = arduino()
    assert platformio["name"] == properties["name"]
    assert platformio["version"] == properties["version"]
    for header in [properties["includes"], *platformio["headers"]]:
        assert (FIRMWARE / "src" / header).is_file()
    for example in platformio["examples"]:
        for file in example["files"]:
            assert (FIRMWARE / example["base"] / file).is_file()


def test_required_properties_of_an_arduino_library() -> None:
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}  # fmt: skip
    assert required <= {name for name, value in arduino().items() if value}
    assert SKETCH.parent.name == SKETCH.stem


@pytest.fixture
def sketch(tmp_path: Path) -> Path:
    """The sketch as the Arduino IDE passes it to the compiler, and a `main` that runs it for 2.5 s."""
    (tmp_path / "Arduino.h").write_text((HERE / "arduino_stub.h").read_text("utf-8"), "utf-8")
    source = tmp_path / "sketch.cpp"
    source.write_text("#include <Arduino.h>\n" + SKETCH.read_text("utf-8") + RUN_SKETCH, "utf-8")
    return source


@pytest.mark.needs("gcc-avr")
def test_sketch_compiles_for_the_uno(sketch: Path) -> None:
    built = run(
        "avr-g++", "-std=gnu++11", "-Os", "-Wall", "-Wextra", "-mmcu=atmega328p", "-I", sketch.parent,
        "-I", FIRMWARE / "src", "-c", sketch, "-o", sketch.with_suffix(".o"),
    )  # fmt: skip
    assert (built.returncode, built.stderr) == (0, "")


@pytest.mark.needs("gcc", "g++")
def test_sketch_greets_each_second(sketch: Path) -> None:
    objects = []
    for source in sorted((FIRMWARE / "src").glob("*.c")):
        objects.append(sketch.with_name(f"{source.stem}.o"))
        assert run("cc", "-std=c99", "-c", source, "-o", objects[-1]).returncode == 0
    program = sketch.with_suffix("")
    built = run(
        "g++", "-std=c++11", "-Wall", "-Wextra", "-I", sketch.parent, "-I", FIRMWARE / "src",
        sketch, *objects, "-o", program,
    )  # fmt: skip
    assert (built.returncode, built.stderr) == (0, "")
    said = subprocess.run([program], capture_output=True, check=True, timeout=60).stdout
    frames = [ref.uncobs(part) for part in said.split(b"\0") if part]
    assert [frame[0] for frame in frames] == [ref.TYPES["HELLO"]] * 3
    assert all(ref.crc(frame) == 0 and b"my-thermometer" in frame for frame in frames)
