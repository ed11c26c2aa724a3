"""Reads what the kernel calls things, and keeps two of one name apart."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def text_of(path: Path) -> str:
    """Give a small file's text without its white space; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip(" \t\r\n\0")
    except OSError:
        return ""


def apart(named: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Give every thing a name of its own, in an order that a restart does not change.

    >>> apart([("cpu", 1), ("cpu", 2)])
    {'cpu': 1, 'cpu-2': 2}
    """
    found: dict[str, T] = {}
    for label, thing in named:
        name, number = label, 2
        while name in found:
            name, number = f"{label}-{number}", number + 1
        found[name] = thing
    return found
