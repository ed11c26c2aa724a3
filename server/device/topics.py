"""Topics beside `devices/{id}/…` that a device may use: products with topics of their own.

The broker lets a device publish and subscribe there as it lets it to its own topics, and the pipeline
takes a message of such a topic as a device's only where that device, or the gateway it lies behind,
was given the topic. So a gateway speaks for its own devices and for nobody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from server.kit.errors import BadInput

MAX_FILTERS: Final = 16
MAX_FILTER_CHARS: Final = 200
_LEVEL: Final = re.compile(r"[A-Za-z0-9_.:@=-]+")
_OURS: Final = "devices"


def checked_topics(filters: Sequence[str]) -> list[str]:
    """Raises BadInput, saying which and why."""
    if len(filters) > MAX_FILTERS:
        raise BadInput("topics", f"at most {MAX_FILTERS}")
    for topic_filter in filters:
        if reason := _fault(topic_filter):
            raise BadInput("topics", f"{topic_filter[:MAX_FILTER_CHARS]!r} {reason}")
    return sorted(set(filters))


def _fault(topic_filter: str) -> str:
    first, *rest = levels = topic_filter.split("/")
    if len(topic_filter) > MAX_FILTER_CHARS:
        return f"is longer than {MAX_FILTER_CHARS} characters"
    if first == _OURS:
        return "is under devices/, where each device has its own topics already"
    if _LEVEL.fullmatch(first) is None:
        return "must begin with a level of A-Z a-z 0-9 _ . : @ = -, not with a wildcard or $"
    for level in rest:
        if level not in {"+", "#"} and _LEVEL.fullmatch(level) is None:
            return "must have levels of A-Z a-z 0-9 _ . : @ = -, or + or #"
    if "#" in levels[:-1]:
        return "has a # before its end"
    return ""


def matches(topic_filter: str, topic: str) -> bool:
    """MQTT's rule (3.1.1 §4.7).

    >>> matches("tele/+/SENSOR", "tele/plug-1/SENSOR"), matches("tele/#", "tele"), matches("+", "a/b")
    (True, True, False)
    """
    wanted, given = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


def any_matches(filters: Iterable[str], topic: str) -> bool:
    return any(matches(topic_filter, topic) for topic_filter in filters)
