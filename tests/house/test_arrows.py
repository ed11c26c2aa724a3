"""Import rules beyond the contracts in pyproject.toml: who may import which third party, and how deep."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("anomaly", "device_agent", "field_service", "firmware_bridge", "server")

ONLY_IN = {
    "serial": ("firmware_bridge/transport/",),
    "sklearn": ("anomaly/fleet/",),
    "skops": ("anomaly/fleet/",),
    "duckdb": ("server/telemetry/",),
    "pickle": (),
    "requests": (),
}
"""Third-party (or risky) module → the only places that may import it."""

AGENT_PROCESSES = {"server/demo/agent_process.py"}
"""Started as processes of their own, which are the agent then; no module of the server imports them."""

LIBRARIES_WITHOUT_CLOCK = ("anomaly", "field_service", "firmware_bridge")


def modules() -> list[Path]:
    return [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute name and line of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", sorted(ONLY_IN))
def test_third_party_stays_in_its_place(name: str) -> None:
    strays = [
        f"{place(path)}:{line}"
        for path in modules()
        for imported, line in imports(path)
        if imported.split(".")[0] == name and not place(path).startswith(ONLY_IN[name])
    ]
    assert strays == []


def test_server_takes_only_the_wire_from_the_agent() -> None:
    strays = [
        f"{place(path)}:{line} imports {imported}"
        for path in modules()
        if place(path).startswith("server/") and place(path) not in AGENT_PROCESSES
        for imported, line in imports(path)
        if imported.startswith("device_agent.") and not imported.startswith("device_agent.wire")
    ]
    assert strays == []


def test_nothing_imports_an_agent_process() -> None:
    names = {name.removesuffix(".py").replace("/", ".") for name in AGENT_PROCESSES}
    importers = [
        place(path) for path in modules() for imported, _ in imports(path) if imported in names
    ]
    assert importers == []


def test_wire_stands_alone() -> None:
    """Both programs speak it, so it may need nothing but itself and the two codecs."""
    strays = [
        f"{place(path)}:{line} imports {imported}"
        for path in modules()
        if place(path).startswith("device_agent/wire/")
        for imported, line in imports(path)
        if imported.split(".")[0] in {*PACKAGES, "paho", "psutil"}
        and not imported.startswith("device_agent.wire")
    ]
    assert strays == []


def test_libraries_read_no_wall_clock() -> None:
    """Time is an argument there: a replayed month must give the findings that the month gave."""
    clocks = {"time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    strays = [
        f"{place(path)}:{node.lineno}"
        for path in modules()
        if place(path).split("/")[0] in LIBRARIES_WITHOUT_CLOCK
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in clocks
    ]
    assert strays == []


def test_the_rules_see_the_code() -> None:
    """Guards the tests above against an empty search."""
    seen = {place(path).split("/")[0] for path in modules()}
    assert {"anomaly", "device_agent", "server"} <= seen
    assert any(name.startswith("msgspec") for path in modules() for name, _ in imports(path))
