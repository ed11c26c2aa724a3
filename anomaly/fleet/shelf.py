"""Versions of a model in a folder: a new one replaces the old only where it is better, and reversibly.

`current.skops` is the one to use, `N.skops` are all that were ever offered, `shelf.json` says how each
did against the one it was to replace, on the same units, which ended after both were trained.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from anomaly.errors import LifeError
from anomaly.fleet.held_out import Model, error_of, load_any
from anomaly.fleet.life_table import read_units

CURRENT = "current.skops"


@dataclass(frozen=True, slots=True)
class Version:
    """`error` on the held-out units, `current_error` of the one it was compared with on the same."""

    number: int
    kind: str
    offered_at: str
    units: int
    error: float
    compared_with: int | None
    current_error: float | None
    taken: bool


class Shelf:
    """One folder, one kind of model. Everything raises LifeError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / "shelf.json"

    def versions(self) -> list[Version]:
        """Oldest first."""
        return [Version(**entry) for entry in self._read()["versions"]]

    def current(self) -> int | None:
        """The version in use; None on an empty shelf."""
        number = self._read()["current"]
        return None if number is None else int(number)

    def offer(self, candidate: Path, held_out: Path, *, now: datetime) -> Version:
        """Compare with the current one on units run to failure since; keep it, use it if better."""
        index = self._read()
        model = load_any(candidate)
        table = read_units(held_out, model.unit_column, model.time_column)
        error = error_of(model, table)
        used: int | None = index["current"]
        old_error = None
        if used is not None:
            old = load_any(self._file(used))
            if type(old) is not type(model):
                raise LifeError(f"{candidate.name}: this shelf holds models of another kind")
            _comparable(old, model)
            old_error = error_of(old, table)
        version = Version(
            number=len(index["versions"]) + 1,
            kind=type(model).__name__,
            offered_at=now.isoformat(timespec="seconds"),
            units=len(table.unit_rows()),
            error=round(error, 6),
            compared_with=used,
            current_error=None if old_error is None else round(old_error, 6),
            taken=old_error is None or error < old_error,
        )
        index["versions"].append(asdict(version))
        self._write(lambda: shutil.copyfile(candidate, self._made(self._file(version.number))))
        self._use(index, version.number if version.taken else used)
        return version

    def revert(self, number: int) -> None:
        """Use an earlier version again."""
        index = self._read()
        if not 1 <= number <= len(index["versions"]):
            raise LifeError(f"the shelf has no version {number}")
        self._use(index, number)

    def _use(self, index: dict[str, Any], number: int | None) -> None:
        """The file first, then the index: whatever is cut off, one whole model is in use."""

        def put() -> None:
            if number is not None:
                fresh = self._folder / f"{CURRENT}.new"
                shutil.copyfile(self._file(number), fresh)
                fresh.replace(self._folder / CURRENT)
            written = self._folder / "shelf.json.new"
            written.write_text(json.dumps(index | {"current": number}, indent=1) + "\n", "utf-8")
            written.replace(self._index)

        self._write(put)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.skops"

    def _made(self, file: Path) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return file

    def _write(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            raise LifeError(f"{self._folder}: {error.strerror or error}") from error

    def _read(self) -> dict[str, Any]:
        if not self._index.exists():
            return {"current": None, "versions": []}
        try:
            index = json.loads(self._index.read_text("utf-8"))
            numbers = [Version(**entry).number for entry in index["versions"]]
            whole = numbers == list(range(1, len(numbers) + 1))
            whole = whole and index["current"] in {None, *numbers}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise LifeError(f"{self._index}: not a shelf's index: {error}") from error
        if not whole:
            raise LifeError(f"{self._index}: not a shelf's index: its versions have holes")
        return {"current": index["current"], "versions": index["versions"]}


def _comparable(old: Model, new: Model) -> None:
    if (old.unit_column, old.time_column) != (new.unit_column, new.time_column):
        raise LifeError("the two models name unit or time by different columns")
    if getattr(old, "horizon", None) != getattr(new, "horizon", None):
        raise LifeError("the two models are of different horizons")
