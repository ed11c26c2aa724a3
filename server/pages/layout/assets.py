"""Addresses of the bundle's files, whose names carry a hash of their content."""

from __future__ import annotations

import json
import logging
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"
MANIFEST = STATIC / "bundle" / "manifest.json"

log = logging.getLogger(__name__)


class Assets:
    """Knows which hashed file stands for "main.js", "style.css" and "icons.svg"."""

    def __init__(self, *, reload: bool) -> None:
        self._reload = reload
        self._names = _read_manifest()
        if not self._names:
            log.warning(
                "the web bundle is missing: pages have no styles; run “python hatch_build.py”"
            )

    def url(self, name: str) -> str | None:
        """Address of `name`, or None when the bundle was not built."""
        if self._reload:
            self._names = _read_manifest()
        file = self._names.get(name)
        return f"/static/bundle/{file}" if file else None


def _read_manifest() -> dict[str, str]:
    try:
        names = json.loads(MANIFEST.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(key): str(value) for key, value in names.items()}
