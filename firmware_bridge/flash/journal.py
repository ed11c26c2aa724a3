"""Where an update stands, on disk: written before each step, so that after a power cut somebody knows."""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from firmware_bridge.errors import FlashFailed
from firmware_bridge.flash.image import is_sha256, keep
from firmware_bridge.flash.states import State

_MAX_BYTES: Final = 64 * 1024
_NAME: Final = "update.json"
_BAD: Final = "update.bad.json"
_TEXTS: Final = ("id", "name", "method", "version", "before", "reason", "saved_sha256")


@dataclass(frozen=True, slots=True)
class Entry:
    """One update. ``id`` is whoever asked's own; ``begun_s`` unix seconds; ``tries`` of the present state."""

    id: str
    name: str
    method: str
    sha256: str
    begun_s: float
    version: str = ""
    before: str = ""
    """Version that was replaced, where it was known."""
    state: State = State.PLANNED
    tries: int = 0
    reason: str = ""
    saved_sha256: str = ""


class Journal:
    """The journal of one target: a folder with the update's image, the old firmware and this file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def image_path(self) -> Path:
        """Where the image lies as long as it may be needed."""
        return self.folder / "image"

    @property
    def saved_path(self) -> Path:
        """Where the old firmware lies, if it was read out."""
        return self.folder / "saved"

    def read(self) -> Entry | None:
        """Give the last update; None where there was none. A damaged journal is set aside and told by FlashFailed."""
        path = self.folder / _NAME
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FlashFailed(f"the journal can't be read: {error.strerror}") from None
        try:
            return _entry(json.loads(data))
        except (ValueError, TypeError, RecursionError):
            path.replace(self.folder / _BAD)
            raise FlashFailed(
                f"the journal was damaged: what the target holds is not known (kept as {_BAD})"
            ) from None

    def write(self, entry: Entry) -> Entry:
        """Note where the update stands; on disk when this returns. Raises FlashFailed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            keep(self.folder / _NAME, json.dumps(asdict(entry), indent=1).encode())
        except OSError as error:
            raise FlashFailed(f"the journal can't be written: {error.strerror}") from None
        return entry

    def move(self, entry: Entry, state: State, **changes: Any) -> Entry:
        """Note a new state and give the entry."""
        return self.write(replace(entry, state=state, tries=0, **changes))

    def clear_files(self) -> None:
        """Remove image and old firmware once the update has ended; the journal stays and tells how."""
        for path in (self.image_path, self.saved_path):
            path.unlink(missing_ok=True)


def _entry(tree: Any) -> Entry:
    """Check what was read; raises ValueError or TypeError."""
    if not isinstance(tree, dict) or set(tree) != {field.name for field in fields(Entry)}:
        raise ValueError
    if not all(isinstance(tree[name], str) for name in _TEXTS) or not is_sha256(tree["sha256"]):
        raise ValueError
    if tree["saved_sha256"] and not is_sha256(tree["saved_sha256"]):
        raise ValueError
    if not isinstance(tree["begun_s"], int | float) or not math.isfinite(tree["begun_s"]):
        raise ValueError
    if type(tree["tries"]) is not int or tree["tries"] < 0:
        raise ValueError
    return Entry(**{**tree, "state": State(tree["state"])})
