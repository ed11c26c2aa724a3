"""The firmware built for this computer (with sanitizers) and for the emulated microcontroller."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.firmware_bridge.firmware.emulator import Emulator
from tests.firmware_bridge.firmware.golden_header import header

FIRMWARE = ROOT / "firmware_bridge" / "firmware"
HERE = Path(__file__).parent
CHECKED = [
    "-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer",
]  # fmt: skip

BuildHost = Callable[..., Path]


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=cwd,
    )


@pytest.fixture(scope="session")
def build_host(needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> BuildHost:
    """`build_host("link_test.c", "-DFW_RX_MAX=126")`: the library and this program, checked at run time."""
    cc = needs("gcc")
    folder = tmp_path_factory.mktemp("firmware-host")
    (folder / "golden.h").write_text(header(), "ascii")

    def build(program: str, *options: str) -> Path:
        target = folder / "-".join([program.removesuffix(".c"), *options]).replace("=", "")
        if target.exists():
            return target
        library = sorted((FIRMWARE / "src").glob("*.c"))
        built = run(
            cc, *CHECKED, *options, "-I", FIRMWARE / "src", "-I", HERE, "-I", folder,
            HERE / program, *library, "-o", target,
        )  # fmt: skip
        assert built.returncode == 0, built.stderr
        return target

    return build


@pytest.fixture(scope="session")
def avr_build(
    needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, str]]:
    """`avr_build("cost")`: the folder of results and what make printed."""
    needs("gcc-avr")
    make = needs("make")
    folder = tmp_path_factory.mktemp("firmware-avr")

    def build(target: str) -> tuple[Path, str]:
        built = run(make, "--no-print-directory", "-C", FIRMWARE, f"OUT={folder}", target)
        assert built.returncode == 0, built.stderr
        return folder, built.stdout

    return build


@pytest.fixture(scope="session")
def emulated_elf(
    needs: Callable[[str], Path], avr_build: Callable[[str], tuple[Path, str]]
) -> Path:
    """The example firmware for QEMU."""
    needs("qemu-system-misc")
    return avr_build("emulated")[0] / "emulated.elf"


@pytest.fixture
def uno(emulated_elf: Path) -> Iterator[Emulator]:
    """An Uno with the example firmware, its processor not yet running: `uno.run()`."""
    with Emulator(emulated_elf) as emulator:
        yield emulator
