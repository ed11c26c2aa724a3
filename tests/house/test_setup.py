"""`scripts/setup.py` tells a finished environment from one that is half-made, broken or outdated."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = spec_from_file_location("forewarn_setup", ROOT / "scripts" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def environment(checkout: Path, setup: ModuleType) -> Path:
    """As setup leaves it, but for the packages: pip is enough for the checks."""
    made = checkout / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    packages = next((made / "lib").glob("python*/site-packages"))
    (packages / "pip.py").write_text("")
    setup.stamp(made).write_text(setup.fingerprint(checkout))
    return made


def test_finished_environment_is_left_alone(
    setup: ModuleType, environment: Path, checkout: Path
) -> None:
    assert setup.is_ready(environment, checkout)


def test_absent_environment_is_not_ready(setup: ModuleType, checkout: Path) -> None:
    assert not setup.is_ready(checkout / ".venv", checkout)


def test_half_made_environment_has_no_stamp(
    setup: ModuleType, environment: Path, checkout: Path
) -> None:
    setup.stamp(environment).unlink()
    assert not setup.is_ready(environment, checkout)


def test_broken_interpreter_is_noticed(
    setup: ModuleType, environment: Path, checkout: Path
) -> None:
    (environment / "bin" / "python").unlink()
    assert not setup.is_ready(environment, checkout)


@pytest.mark.parametrize("change", ["constraints", "dependency"])
def test_changed_dependencies_are_noticed(
    setup: ModuleType, environment: Path, checkout: Path, change: str
) -> None:
    if change == "constraints":
        with (checkout / "constraints.txt").open("a") as file:
            file.write("another==1\n")
    else:
        text = (checkout / "pyproject.toml").read_text()
        (checkout / "pyproject.toml").write_text(text.replace('"psutil>=6"', '"psutil>=7"'))
    assert not setup.is_ready(environment, checkout)


def test_change_of_a_tool_setting_needs_no_install(
    setup: ModuleType, environment: Path, checkout: Path
) -> None:
    text = (checkout / "pyproject.toml").read_text()
    (checkout / "pyproject.toml").write_text(text.replace("line-length = 100", "line-length = 99"))
    assert setup.is_ready(environment, checkout)


def test_dropped_dependencies_are_told_apart(setup: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("# comment\nalpha==1\nbeta==2.0\n")
    assert setup.pinned(tmp_path / "constraints.txt") == {"alpha", "beta"}
    assert setup.pinned(tmp_path / "absent") == set()


def test_dropped_dependencies_are_removed_once(
    setup: ModuleType, environment: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.remove_dropped(environment, checkout)
    assert "removing" not in capsys.readouterr().out
    constraints = checkout / "constraints.txt"
    kept = [line for line in constraints.read_text().splitlines() if not line.startswith("ruff==")]
    constraints.write_text("\n".join(kept))
    setup.remove_dropped(environment, checkout)
    assert "removing ruff" in capsys.readouterr().out
    setup.remove_dropped(environment, checkout)
    assert "removing" not in capsys.readouterr().out


def test_ci_run_is_make_test_and_nothing_else() -> None:
    lines = [
        line
        for line in (ROOT / ".ci" / "run").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert len(lines) == 1
    assert lines[0].endswith("exec make test </dev/null")


def test_system_setup_names_what_tests_look_for() -> None:
    """Every program that a test may need is one that .ci/setup installs (git comes first of all)."""
    from tests.conftest import PROGRAMS  # noqa: PLC0415

    script = (ROOT / ".ci" / "setup").read_text()
    assert [p for p in PROGRAMS if p != "git" and f" {p}" not in script.replace("\n", " ")] == []
