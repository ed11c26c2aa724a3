"""A CSV's column names → metric names of the wire: ``[a-z0-9_./-]``, 1 to 128, each once.

>>> wire_names(["Volume Flow RateRMS", "Température (°C)", "a", "A", ""])
['volume_flow_raterms', 'temperature_c', 'a', 'a_2', 'column_5']
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_LONGEST: Final = 128
_OTHER: Final = re.compile(r"[^a-z0-9_./-]+")
_REPEATED: Final = re.compile(r"__+")


def wire_names(columns: Sequence[str]) -> list[str]:
    """One name a column, in order; a repeated name gets a number."""
    taken: set[str] = set()
    names = []
    for number, column in enumerate(columns, start=1):
        plain = _plain(column) or f"column_{number}"
        name, copy = plain, 2
        while name in taken:
            suffix = f"_{copy}"
            name, copy = plain[: _LONGEST - len(suffix)] + suffix, copy + 1
        taken.add(name)
        names.append(name)
    return names


def _plain(column: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode().lower()
    return _REPEATED.sub("_", _OTHER.sub("_", ascii_only)).strip("_ ")[:_LONGEST]
