"""Marks texts for extraction that are translated only when they are shown."""

from __future__ import annotations


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    return message
