"""Message catalogues: compiled ones by the build, else straight from their sources."""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = Path(__file__).resolve().parent.parent / "locale"


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """Marks a text for extraction that is translated only when it is shown."""
    return message


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of `language`; English texts are the message ids themselves."""
    folder = LOCALES / language / "LC_MESSAGES"
    source, compiled = folder / "messages.po", folder / "messages.mo"
    if compiled.exists() and (
        not source.exists() or compiled.stat().st_mtime >= source.stat().st_mtime
    ):
        with compiled.open("rb") as mo:
            return gettext.GNUTranslations(mo)
    if not source.exists():
        return gettext.NullTranslations()
    buffer = io.BytesIO()
    with source.open("rb") as po:
        write_mo(buffer, read_po(po))
    buffer.seek(0)
    return gettext.GNUTranslations(buffer)
