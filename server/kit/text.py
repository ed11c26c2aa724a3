"""Text from devices and people, made safe to show in logs and terminals.

HTML is escaped by the templates and SQL is bound by SQLAlchemy; what is left is control characters
(which forge log lines and drive terminals) and length.
"""

from __future__ import annotations

import unicodedata

_KEPT_CONTROLS = frozenset("\n\t")


def one_line(text: str, *, limit: int = 200) -> str:
    """`text` without control or bidirectional-override characters, at most `limit` characters."""
    return _stripped(text.replace("\n", " ").replace("\t", " "), limit)


def paragraph(text: str, *, limit: int = 10_000) -> str:
    """Like `one_line`, but line breaks and tabs stay."""
    return _stripped(text, limit)


def _stripped(text: str, limit: int) -> str:
    kept = "".join(c for c in text[: limit * 2] if _is_shown(c)).strip()
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def _is_shown(character: str) -> bool:
    # Cc controls, Cf formats (bidi overrides), Cs lone surrogates, Co/Cn private and unassigned,
    # Zl and Zp: line and paragraph separators that forge lines just as well.
    category = unicodedata.category(character)
    return character in _KEPT_CONTROLS or (category[0] != "C" and category not in {"Zl", "Zp"})
