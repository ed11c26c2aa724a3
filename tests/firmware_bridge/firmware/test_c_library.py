"""The C library on this computer: golden bytes, behaviour over time, mutated input under the sanitizers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.firmware_bridge.firmware.conftest import FIRMWARE, HERE, BuildHost, run

pytestmark = pytest.mark.needs("gcc")

LARGE = ("-DFW_SAMPLES_MAX=120", "-DFW_METRICS_MAX=32")
SMALL = ("-DFW_RX_MAX=24", "-DFW_SAMPLES_MAX=24", "-DFW_METRICS_MAX=2", "-DFW_EVENTS_MAX=2")
FUZZ_INPUTS = 100_000


def names(program: str) -> list[str]:
    return re.findall(r"\bTEST\((\w+)\)", (HERE / program).read_text("utf-8").split("TESTS[] =")[1])


def passes(program: Path, *arguments: str) -> None:
    ran = run(program, *arguments)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("name", names("golden_test.c"))
def test_golden_bytes(build_host: BuildHost, name: str) -> None:
    passes(build_host("golden_test.c", *LARGE), name)


@pytest.mark.parametrize("name", names("link_test.c"))
def test_behaviour(build_host: BuildHost, name: str) -> None:
    passes(build_host("link_test.c"), name)


def test_a_test_that_is_not_there_fails(build_host: BuildHost) -> None:
    """Guards the tests above against a program that does nothing."""
    assert run(build_host("link_test.c"), "no_such_test").returncode == 2


@pytest.mark.parametrize("sizes", [(), LARGE, SMALL, ("-DFW_RX_MAX=126",)], ids="-".join)
def test_mutated_input_under_sanitizers(build_host: BuildHost, sizes: tuple[str, ...]) -> None:
    for seed in ("1", "20"):
        passes(build_host("fuzz_link.c", *sizes), str(FUZZ_INPUTS), seed)


@pytest.mark.parametrize(
    "size",
    [
        "FW_RX_MAX=23",
        "FW_METRICS_MAX=33",
        "FW_SAMPLES_MAX=121",
        "FW_EVENTS_MAX=1",
        "FW_FLUSH_MS=2000",
    ],
)
def test_impossible_sizes_do_not_compile(needs: object, size: str) -> None:
    built = run("cc", "-std=c99", "-fsyntax-only", f"-D{size}", FIRMWARE / "src" / "fw_link.c")
    assert built.returncode != 0
    assert f"{size.split('=', maxsplit=1)[0]} is" in built.stderr


def test_library_calls_no_allocator(build_host: BuildHost) -> None:
    sources = "".join(path.read_text("utf-8") for path in (FIRMWARE / "src").glob("*.[ch]"))
    assert re.search(r"\b(?:malloc|calloc|realloc|alloca|free|new)\s*\(", sources) is None


@pytest.mark.slow
def test_host_library_compiles_pedantically(needs: object, tmp_path: Path) -> None:
    built = run("make", "-C", FIRMWARE, f"OUT={tmp_path}", "host")
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "libforewarn_link.a").stat().st_size > 0
