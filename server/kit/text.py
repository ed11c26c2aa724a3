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
    # Cc controls, Cf formats (bidi overrides), Cs lone surrogates, Co/Cn private and unassigned.
    kept = "".join(
        c for c in text[: limit * 2] if c in _KEPT_CONTROLS or unicodedata.category(c)[0] != "C"
    ).strip()
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"
