"""A file's own words in a message (a column's name) neither break the line nor steer the terminal."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Marks that aren't printed become spaces, and several spaces one."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
