"""The command line in this process, with a data directory of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from server.cli.program import app


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FOREWARN_DATA_DIR", raising=False)
    return tmp_path / "data"


@pytest.fixture
def forewarn(data_dir: Path) -> Callable[..., Result]:
    """`forewarn("device", "list")` with this test's --data-dir; `text` is its standard input."""

    def run(*arguments: str, text: str = "", own_dir: bool = True) -> Result:
        given = [*arguments, "--data-dir", str(data_dir)] if own_dir else list(arguments)
        return CliRunner().invoke(app, given, input=text, catch_exceptions=False)

    return run
