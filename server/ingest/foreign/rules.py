"""A row of the topic map, checked: which topics, in which format, whose."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final
from zoneinfo import ZoneInfo

_CAPTURE: Final = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """The first row whose filter matches a topic decides about it."""

    format: str
    filter: str
    """With `{device}` and other captures, each one level."""
    device: str = "{device}"
    """The device's id, made of captures."""
    metric: str = "{metric}"
    values: dict[str, tuple[str | int, ...]] = field(default_factory=dict)
    """Metric → where it lies in the JSON; empty: everything in it."""
    time: tuple[str | int, ...] | None = None
    zone: ZoneInfo | None = None
    units: dict[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    """Further filters: where what is discovered lies."""

    @property
    def plain_filter(self) -> str:
        """As a broker understands it."""
        return _CAPTURE.sub("+", self.filter)

    def pattern(self) -> re.Pattern[str]:
        levels = []
        for level in self.filter.split("/"):
            if level == "#":
                levels.append("(?P<rest>.*)")
            elif level == "+":
                levels.append("[^/]*")
            elif capture := _CAPTURE.fullmatch(level):
                levels.append(f"(?P<{capture[1]}>[^/]+)")
            else:
                levels.append(re.escape(level))
        joined = "/".join(levels)
        if self.filter.endswith("/#"):  # "a/#" is "a" too
            joined = joined.removesuffix("/(?P<rest>.*)") + "(?:/(?P<rest>.*))?"
        return re.compile(joined, re.DOTALL)

    def leaves_out(self, metric: str) -> bool:
        return any(fnmatchcase(metric, pattern) for pattern in self.skip)


def captures_of(text: str) -> set[str]:
    return set(_CAPTURE.findall(text))


def filled(template: str, captures: dict[str, str]) -> str:
    """The template with its captures; what was not captured is empty."""
    return _CAPTURE.sub(lambda found: captures.get(found[1]) or "", template)
