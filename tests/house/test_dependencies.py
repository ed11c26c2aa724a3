"""The base install is the device's: small, quick to import, pinned without addresses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
AGENT_NEEDS = {"cbor2", "msgspec", "paho-mqtt", "pyserial"}
DATA_CENTRE = {
    "anomaly", "duckdb", "fastapi", "field_service", "jinja2", "matplotlib", "nats", "numba", "numpy",
    "pydantic", "rich", "scipy", "server", "sklearn", "sqlalchemy", "starlette", "typer", "uvicorn",
}  # fmt: skip


def project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        parsed: dict[str, object] = tomllib.load(file)["project"]
    return parsed


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_base_install_is_the_agent() -> None:
    named = project()["dependencies"]
    assert isinstance(named, list)
    assert {Requirement(line).name for line in named} == AGENT_NEEDS


def test_agent_loads_nothing_of_the_data_centre() -> None:
    program = (
        "import json, sys, device_agent.cli\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "device_agent" in loaded
    assert loaded & DATA_CENTRE == set()


def test_every_direct_dependency_is_pinned() -> None:
    given = project()
    named = list(given["dependencies"])  # type: ignore[call-overload]
    for extra in given["optional-dependencies"].values():  # type: ignore[attr-defined]
        named += extra
    wanted = {canonicalize_name(Requirement(line).name) for line in named}
    assert wanted - set(pins()) == set()


def test_pins_satisfy_the_ranges() -> None:
    given = project()
    named = list(given["dependencies"])  # type: ignore[call-overload]
    for extra in given["optional-dependencies"].values():  # type: ignore[attr-defined]
        named += extra
    held = pins()
    outside = [
        line
        for line in named
        if not Requirement(line).specifier.contains(held[canonicalize_name(Requirement(line).name)])
    ]
    assert outside == []


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    odd = [
        n for n in lines if not n.startswith("#") and not re.fullmatch(r"[a-z0-9-]+==[\w.+!]+", n)
    ]
    assert odd == []


def test_web_lock_names_no_addresses() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    assert lock["packages"]
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    unverified = [n for n, e in lock["packages"].items() if n and "integrity" not in e]
    assert unverified == []
