"""CSV files written on the spot."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "data.csv", *, encoding: str = "utf-8") -> Path:
        file = tmp_path / name
        raw = content if isinstance(content, bytes) else content.encode(encoding)
        file.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return file

    return write
