"""A backup becomes a data directory again: checked whole before the directory has its name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory

from server.app.backup import FORMAT, MANIFEST, Tell
from server.kit.data_directory import DataDirectory
from server.kit.errors import BadInput, ForewarnError
from server.kit.files import sha256_of
from server.migrations.upgrading import configuration


class RestoreRefused(ForewarnError):
    """The backup can't be used here; nothing was written."""

    title = "Not restored"


def restore(source: Path, root: Path, tell: Tell) -> dict[str, Any]:
    """Copy a backup into the data directory `root`, which must be empty or absent.

    Raises BadInput, or RestoreRefused: not a backup, of a newer version, damaged.
    """
    manifest = read_manifest(source)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BadInput(
            "--data-dir",
            f"{root} exists and is not empty; a backup is restored into a new directory",
        )
    partial = root.with_name(root.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        _copy(source, partial, manifest, tell)
        DataDirectory(partial).prepare()  # refuses a newer layout
        if root.exists():
            root.rmdir()
        partial.rename(root)
    except OSError as error:
        raise RestoreRefused(f"{root}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {
        "data_dir": str(root),
        "taken_at": manifest["taken_at"],
        "files": len(manifest["files"]),
    }


def read_manifest(source: Path) -> dict[str, Any]:
    """What the backup says it is. Raises RestoreRefused."""
    file = source / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(file.read_text("utf-8"))
        number, revision = manifest["format"], manifest["records_revision"]
        complete = isinstance(manifest["files"], dict) and manifest["taken_at"]
    except FileNotFoundError as error:
        raise RestoreRefused(f"{source} is no backup: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RestoreRefused(f"{file} is damaged: {error}") from error
    known = {
        step.revision for step in ScriptDirectory.from_config(configuration()).walk_revisions()
    }
    if not complete or not isinstance(number, int):
        raise RestoreRefused(f"{file} is damaged")
    if number > FORMAT or (revision is not None and revision not in known):
        raise RestoreRefused(
            f"{source} was taken by a newer Forewarn ({manifest.get('forewarn')}); upgrade this one first"
        )
    return manifest


def _copy(source: Path, partial: Path, manifest: dict[str, Any], tell: Tell) -> None:
    files: dict[str, dict[str, Any]] = manifest["files"]
    total = sum(int(entry["bytes"]) for entry in files.values()) or 1
    done = 0
    for name, entry in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise RestoreRefused(f"{source / MANIFEST} is damaged: {name!r}")
        target = partial / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            shutil.copy2(source / name, target)
        except FileNotFoundError as error:
            raise RestoreRefused(f"{source} is not whole: {name} is missing") from error
        if sha256_of(target) != entry["sha256"]:
            raise RestoreRefused(f"{source} is damaged: {name} is not what was backed up")
        done += int(entry["bytes"])
        tell(done / total)
    # Which backup this was, for those who look; and the identity of the messages that wait in it.
    shutil.copy2(source / MANIFEST, partial / MANIFEST)
