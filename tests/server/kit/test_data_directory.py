"""The data directory refuses what it can't serve, and says what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.kit.data_directory import LAYOUT_VERSION, DataDirectory
from server.kit.errors import DataDirectoryError


def test_prepare_makes_it_and_is_repeatable(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "a" / "b")
    data.prepare()
    data.prepare()
    assert data.root.is_dir()


def test_a_path_under_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataDirectoryError, match="--data-dir"):
        DataDirectory(tmp_path / "file" / "data").prepare()


def test_a_newer_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text(json.dumps({"layout": LAYOUT_VERSION + 1}))
    with pytest.raises(DataDirectoryError, match="newer"):
        DataDirectory(tmp_path).prepare()


@pytest.mark.parametrize("text", ["", "[]", '{"layout": "x"}', "{}", "\xff"])
def test_a_damaged_version_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "version.json").write_text(text, "latin-1")
    with pytest.raises(DataDirectoryError, match="damaged"):
        DataDirectory(tmp_path).prepare()


def test_a_second_server_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from server.kit.data_directory import DataDirectory\n"
        "with DataDirectory(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataDirectoryError, match=str(holder.pid)):
            DataDirectory(tmp_path).lock().__enter__()
        holder.kill()
    with DataDirectory(tmp_path).lock():
        pass
