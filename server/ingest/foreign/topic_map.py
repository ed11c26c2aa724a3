"""The topic map: `topics.toml` in the data directory, read, checked, and asked about every foreign topic.

[[topic]]
format = "tasmota"                       # and nothing else, where the product's own topics are used

[[topic]]
format = "json"
filter = "plant/{device}/values"
time = "ts"
values = { "outlet/temperature" = "temp.out", "pump/current" = "I[0]" }
units = { "outlet/temperature" = "Cel" }
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from device_agent.wire import WireError
from device_agent.wire.text import check_metric, check_unit
from server.ingest.foreign import documents
from server.ingest.foreign.rules import Rule, captures_of
from server.kit.errors import ConfigurationError

TOPICS_FILE: Final = "topics.toml"
_MAX_RULES: Final = 200
_LEVEL: Final = re.compile(r"[^+#{}\s\x00]+|\{[a-z]+\}")
_HEADER: Final = re.compile(r"^\s*\[\[\s*topic\s*\]\]")
_CACHED_TOPICS: Final = 16_384


@dataclass(frozen=True, slots=True)
class _Format:
    """Which keys a row of this format may have beside format, filter and device; what stands for none."""

    keys: frozenset[str]
    filter: str = ""
    device: str = "{device}"
    captures: frozenset[str] = frozenset()
    """Made by the format itself, not by the filter."""
    needs: str = "{device}"


_SHARED: Final = frozenset({"units", "skip"})
FORMATS: Final = {
    "json": _Format(_SHARED | {"values", "time", "timezone"}),
    "value": _Format(_SHARED | {"metric"}),
    "state": _Format(frozenset()),
    "senml": _Format(frozenset()),
    "tasmota": _Format(_SHARED | {"timezone"}, "tele/{device}/{leaf}", needs="{device} and {leaf}"),
    "zigbee2mqtt": _Format(
        _SHARED | {"timezone"},
        "zigbee2mqtt/#",
        captures=frozenset({"device"}),
        needs="/# at its end",
    ),
    "homeassistant": _Format(
        _SHARED | {"states"},
        "homeassistant/#",
        captures=frozenset({"device"}),
        needs="/# at its end",
    ),
    "sparkplug": _Format(
        _SHARED,
        "spBv1.0/#",
        "{group}-{node}-{device}",
        frozenset({"group", "node", "device"}),
        needs="spBv1.0/ at its beginning and /# at its end",
    ),
    "ignore": _Format(frozenset(), device=""),
}


class TopicMap:
    """Rows in their order; the first that fits decides."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._patterns = [(rule, rule.pattern()) for rule in rules]
        self.find: Callable[[str], tuple[Rule, dict[str, str]] | None] = lru_cache(_CACHED_TOPICS)(
            self._find
        )

    def _find(self, topic: str) -> tuple[Rule, dict[str, str]] | None:
        for rule, pattern in self._patterns:
            if (found := pattern.fullmatch(topic)) is not None:
                return rule, {name: text or "" for name, text in found.groupdict().items()}
        return None

    def roots(self) -> list[str]:
        """The first levels of all that the rows name."""
        filters = [f for rule in self.rules for f in (rule.filter, *rule.states)]
        return sorted({topic_filter.split("/")[0] for topic_filter in filters})

    def subscriptions(self) -> list[str]:
        """Filters that cover every row and do not overlap each other."""
        by_root: dict[str, set[str]] = {}
        for rule in self.rules:
            for topic_filter in (rule.plain_filter, *rule.states):
                by_root.setdefault(topic_filter.split("/")[0], set()).add(topic_filter)
        return [
            next(iter(filters)) if len(filters) == 1 else f"{root}/#"
            for root, filters in sorted(by_root.items())
        ]


def load_topic_map(file: Path) -> TopicMap:
    """No file: no rows. Raises ConfigurationError that names file, line and reason."""
    try:
        text = file.read_text("utf-8")
        found = tomllib.loads(text)
    except FileNotFoundError:
        return TopicMap()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from error
    if unknown := sorted(set(found) - {"topic"}):
        raise ConfigurationError(
            f"{file}: unknown key {unknown[0]!r}; it holds [[topic]] tables only"
        )
    rows = found.get("topic", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError(f"{file}: topic is not a list of tables; write [[topic]]")
    if len(rows) > _MAX_RULES:
        raise ConfigurationError(f"{file}: more than {_MAX_RULES} rows")
    headers = [n for n, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    rules = []
    for index, row in enumerate(rows):
        try:
            rules.append(_rule(row))
        except ValueError as error:  # WireError is one
            start = headers[index] if index < len(headers) else 0
            raise ConfigurationError(
                f"{file}: line {_line(text, start, error)}: {error}"
            ) from error
    return TopicMap(rules)


class _Wrong(ValueError):
    """A row that can't be used, and the key at fault."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}" if key else reason)
        self.key = key


def _line(text: str, start: int, error: ValueError) -> int:
    """Of the key at fault, below its table's header; else of the header."""
    key = getattr(error, "key", "")
    lines = text.splitlines()
    for number in range(start, len(lines)):
        if _HEADER.match(lines[number]):
            break
        if key and re.match(rf"\s*{re.escape(key)}\s*[.=]", lines[number]):
            return number + 1
    return start


def _rule(row: dict[str, Any]) -> Rule:
    name = row.get("format")
    chosen = FORMATS.get(name) if isinstance(name, str) else None
    if chosen is None:
        raise _Wrong("format", f"must be one of {', '.join(FORMATS)}")
    known = {"format", "filter", "device"} | chosen.keys
    if unknown := sorted(set(row) - known):
        raise _Wrong(unknown[0], f"is no key of format {name}; it has {', '.join(sorted(known))}")
    topic_filter = _text(row, "filter", chosen.filter)
    _check_filter(topic_filter)
    device = _text(row, "device", chosen.device)
    captured = captures_of(topic_filter) | chosen.captures
    if strange := sorted(captures_of(device) - captured):
        raise _Wrong(
            "device", f"{{{strange[0]}}} is captured by nothing; filter has {topic_filter!r}"
        )
    _check_fits(str(name), chosen, topic_filter, device)
    return Rule(
        format=str(name),
        filter=topic_filter,
        device=device,
        metric=_metric_template(row, captured) if name == "value" else "",
        values={_metric(k): _path("values", p) for k, p in _table(row, "values").items()},
        time=_path("time", row["time"]) if "time" in row else None,
        zone=_zone(row),
        units={_metric(k): _unit(v) for k, v in _table(row, "units").items()},
        skip=tuple(_texts(row, "skip")),
        states=tuple(_states(row)),
    )


def _check_filter(topic_filter: str, key: str = "filter") -> None:
    first, *rest = topic_filter.split("/")
    if not topic_filter:
        raise _Wrong(key, "is missing")
    if first in {"+", "#", "devices"} or first.startswith(("$", "{")):
        raise _Wrong(key, "must begin with a level of its own, not devices, a wildcard or $")
    for index, level in enumerate((first, *rest)):
        if level == "#" and index == len(rest):
            continue
        if level != "+" and _LEVEL.fullmatch(level) is None:
            raise _Wrong(key, f"level {level!r} is neither a word, +, {{name}}, nor # at the end")
    captures = re.findall(r"\{([a-z]+)\}", topic_filter)
    if len(set(captures)) != len(captures):
        raise _Wrong(key, "captures the same name twice")


def _check_fits(name: str, chosen: _Format, topic_filter: str, device: str) -> None:
    fits = {
        "tasmota": {"device", "leaf"} <= captures_of(topic_filter),
        "zigbee2mqtt": topic_filter.endswith("/#"),
        "homeassistant": topic_filter.endswith("/#"),
        "sparkplug": topic_filter.startswith("spBv1.0/") and topic_filter.endswith("/#"),
        "ignore": True,
    }.get(name, bool(device))
    if not fits:
        raise _Wrong("filter", f"of format {name} needs {chosen.needs}")
    if not captures_of(device) and name in {"sparkplug", "zigbee2mqtt", "homeassistant"}:
        raise _Wrong("device", "must tell the devices apart")


def _metric_template(row: dict[str, Any], captured: set[str]) -> str:
    template = _text(row, "metric", "{metric}")
    if strange := sorted(captures_of(template) - captured):
        raise _Wrong(
            "metric", f"{{{strange[0]}}} is captured by nothing: name the metric, or capture it"
        )
    return template


def _states(row: dict[str, Any]) -> list[str]:
    filters = _texts(row, "states")
    for topic_filter in filters:
        _check_filter(topic_filter, "states")
        if captures_of(topic_filter):
            raise _Wrong("states", "captures nothing: write + or #")
    return filters


def _text(row: dict[str, Any], key: str, default: str) -> str:
    found = row.get(key, default)
    if not isinstance(found, str):
        raise _Wrong(key, "must be a text")
    return found


def _texts(row: dict[str, Any], key: str) -> list[str]:
    found = row.get(key, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise _Wrong(key, "must be a list of texts")
    return found


def _table(row: dict[str, Any], key: str) -> dict[str, Any]:
    found = row.get(key, {})
    if not isinstance(found, dict):
        raise _Wrong(key, "must be a table, { metric = … }")
    return found


def _metric(name: str) -> str:
    try:
        return check_metric(name)
    except WireError as error:
        raise _Wrong("values", error.reason) from error


def _unit(unit: object) -> str:
    try:
        return check_unit(unit if isinstance(unit, str) else " ")
    except WireError as error:
        raise _Wrong("units", error.reason) from error


def _path(key: str, path: object) -> tuple[str | int, ...]:
    try:
        return documents.steps(path if isinstance(path, str) else "")
    except (ValueError, IndexError) as error:
        raise _Wrong(key, f"{path!r} is not a path like ENERGY.Power or list[0].value") from error


def _zone(row: dict[str, Any]) -> ZoneInfo | None:
    name = _text(row, "timezone", "")
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _Wrong("timezone", f"{name!r} is no time zone like Europe/Warsaw") from error
