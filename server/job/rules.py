"""Which findings need hands: rows, the first that fits decides; none fits = no visit.

The built-in rows are replaced by those of `job_rules.toml` in the data directory, if there is one:

    [[rule]]
    kinds = ["drift", "level_shift"]   # empty or left out: any kind
    metrics = ["compressor/*"]         # shell patterns; left out: any metric
    least_severity = 0.4               # 0..1; left out: 0
    hands = true
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from anomaly import KINDS
from server.kit.errors import ConfigurationError

RULES_FILE = "job_rules.toml"
_KEYS = frozenset({"kinds", "metrics", "least_severity", "hands"})


@dataclass(frozen=True, slots=True)
class HandsRule:
    """One row; it fits when kind, any metric and severity do."""

    hands: bool
    kinds: frozenset[str] = frozenset()
    metrics: tuple[str, ...] = ("*",)
    least_severity: float = 0.0

    def fits(self, kind: str, metrics: Iterable[str], severity: float) -> bool:
        if (self.kinds and kind not in self.kinds) or severity < self.least_severity:
            return False
        names = tuple(metrics) or ("",)
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.metrics)


_COMPUTER = (
    "cpu", "cpu/*", "memory", "memory/*", "disk/*", "network/*", "net/*", "load", "load/*",
    "process/*", "agent/*", "uptime", "uptime/*", "host/*", "swap/*", "system/*",
)  # fmt: skip

RULES: tuple[HandsRule, ...] = (
    # A computer's load, memory and disk are looked after from the desk.
    HandsRule(hands=False, metrics=_COMPUTER),
    # A broken sensor or a worn part needs somebody there.
    HandsRule(hands=True, kinds=frozenset({"stuck", "life"})),
    HandsRule(
        hands=True,
        kinds=frozenset(
            {"drift", "level_shift", "variance", "relation", "deviation", "out_of_range"}
        ),
        least_severity=0.5,
    ),
    # Silence is mostly the link: the desk calls first. A spike alone moves nobody.
)


def needs_hands(
    kind: str, metrics: Iterable[str], severity: float, rules: tuple[HandsRule, ...] = RULES
) -> bool:
    """What the first fitting row says.

    >>> needs_hands("drift", ["compressor/current"], 0.6), needs_hands("drift", ["cpu/load"], 0.9)
    (True, False)
    """
    names = tuple(metrics)
    return next((rule.hands for rule in rules if rule.fits(kind, names, severity)), False)


def load_rules(data_dir: Path) -> tuple[HandsRule, ...]:
    """The rows of the data directory's file, or the built-in ones.

    Raises ConfigurationError that names file, row and key, and says what is accepted.
    """
    file = data_dir / RULES_FILE
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return RULES
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from error
    rows = found.get("rule", [])
    unknown = sorted(set(found) - {"rule"})
    if unknown or not isinstance(rows, list):
        what = f"unknown key {unknown[0]!r}" if unknown else "rule is not a list"
        raise ConfigurationError(f"{file}: {what}; the file holds [[rule]] tables only")
    return tuple(_rule(file, number, row) for number, row in enumerate(rows, 1))


def _rule(file: Path, number: int, row: Any) -> HandsRule:
    def refuse(reason: str) -> ConfigurationError:
        return ConfigurationError(f"{file}: rule {number}: {reason}")

    if not isinstance(row, dict):
        raise refuse("is not a table; write [[rule]]")
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        raise refuse(f"unknown key {unknown[0]!r}; known keys: {', '.join(sorted(_KEYS))}")
    hands = row.get("hands")
    if not isinstance(hands, bool):
        raise refuse("hands must be true or false")
    kinds, metrics = row.get("kinds", []), row.get("metrics", ["*"])
    for key, texts in (("kinds", kinds), ("metrics", metrics)):
        if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise refuse(f"{key} must be a list of texts")
    strange = sorted(set(kinds) - set(KINDS))
    if strange:
        raise refuse(f"kinds: {strange[0]!r} is none of {', '.join(KINDS)}")
    if not metrics:
        raise refuse('metrics must not be empty; ["*"] means any')
    severity = row.get("least_severity", 0.0)
    number_given = isinstance(severity, int | float) and not isinstance(severity, bool)
    if not number_given or not 0 <= severity <= 1:
        raise refuse(f"least_severity must be 0..1, got {severity!r}")
    return HandsRule(hands, frozenset(kinds), tuple(metrics), float(severity))
