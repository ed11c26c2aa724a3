"""Which line of a TOML file a key stands on; the standard parser does not tell.

It reads headers and ``key =`` lines only, which is how such files are written by hand. A key that it
can't find (inside an inline table, say) is given the line of the closest table or key around it.
"""

import re
from typing import Final

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""^\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


class LineIndex:
    """Lines (from 1) of every table and key in a text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str | int, ...], int] = {}
        counts: dict[tuple[str | int, ...], int] = {}
        table: tuple[str | int, ...] = ()
        for number, line in enumerate(text.splitlines(), start=1):
            if header := _HEADER.match(line):
                name = _inside(_parts(header[2]), counts)
                table = name
                if header[1] == "[[":
                    counts[name] = counts.get(name, -1) + 1
                    self._lines.setdefault(name, number)
                    table = (*name, counts[name])
                self._lines.setdefault(table, number)
            elif key := _KEY.match(line):
                self._lines.setdefault((*table, *_parts(key[1])), number)

    def line_of(self, where: tuple[str | int, ...]) -> int:
        """Give the line of a key or table, else of the closest thing around it; 0: unknown."""
        while where:
            if where in self._lines:
                return self._lines[where]
            where = where[:-1]
        return 0


def _inside(
    name: tuple[str, ...], counts: dict[tuple[str | int, ...], int]
) -> tuple[str | int, ...]:
    """Give where a table lies: below a repeated one, in the last of those."""
    place: tuple[str | int, ...] = ()
    for part in name[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    return (*place, *name[-1:])


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
