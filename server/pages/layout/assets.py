"""Addresses of the bundle's files, whose names carry a hash of their content."""

from __future__ import annotations

import json
import logging
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"
MANIFEST = STATIC / "bundle" / "manifest.json"

log = logging.getLogger(__name__)


class Assets:
    """Knows which hashed file stands for "main.js", "style.css" and "icons.svg".

    The manifest is read again when it has changed: a bundle built anew has no file of its old names.
    """

    def __init__(self) -> None:
        self._read_ns = 0
        self._names: dict[str, str] = {}
        if self.url("main.js") is None:
            log.warning(
                "the web bundle is missing: pages have no styles; run “python hatch_build.py”"
            )

    def url(self, name: str) -> str | None:
        """Address of `name`, or None when the bundle was not built."""
        try:
            changed_ns = MANIFEST.stat().st_mtime_ns
        except OSError:
            return None
        if changed_ns != self._read_ns:
            self._names, self._read_ns = _read_manifest(), changed_ns
        file = self._names.get(name)
        return f"/static/bundle/{file}" if file else None


def _read_manifest() -> dict[str, str]:
    try:
        names = json.loads(MANIFEST.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in names.items()}
