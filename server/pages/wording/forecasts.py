"""Where a finding leads, in words: which limit is reached, and between when and when.

A forecast is what `detection.ahead` keeps with an open finding: times in unix seconds, ends of an 80 %
interval, the later of which may be missing. Days are told where the interval is long, times of the day
where it is short.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from babel.dates import format_date, format_skeleton

from server.pages.language.formatting import (
    NO_BREAK_SPACE,
    about,
    day_and_time,
    from_seconds,
)
from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations

SHORT = timedelta(days=2)
"""An interval shorter than this is told with times of the day."""

_BETWEEN = N_(
    "If nothing is done, it is expected to reach its limit of %(limit)s between %(earliest)s and "
    "%(latest)s, most likely on %(at)s."
)
_ON_ONE_DAY = N_("If nothing is done, it is expected to reach its limit of %(limit)s on %(at)s.")
_NOT_BEFORE = N_(
    "If nothing is done, it is expected to reach its limit of %(limit)s around %(at)s, not before "
    "%(earliest)s."
)
_BY_NOW = N_("By its course until then, it should have reached its limit of %(limit)s by now.")
_INTERVAL = N_("80 %% interval: %(earliest)s to %(latest)s")
_OPEN_INTERVAL = N_("80 %% interval: not before %(earliest)s, with no end yet")
_SHORTLY = N_("%(limit)s: %(at)s")


class Foreseen(Protocol):
    """The parts of a finding that a forecast is told from."""

    @property
    def metrics(self) -> Sequence[Any]: ...
    @property
    def evidence(self) -> Mapping[str, Any]: ...
    @property
    def forecast(self) -> Mapping[str, Any] | None: ...
    @property
    def ended_at(self) -> datetime | None: ...


F = TypeVar("F", bound=Foreseen)


def forecast(reader: Reader, finding: Foreseen) -> str:
    """One sentence for anybody; empty where nothing is foreseen."""
    told = _told(finding)
    if told is None:
        return ""
    limit, at, earliest, latest = told
    values = {"limit": _limit(reader, finding, limit)}
    gettext = translations(reader.language).gettext
    if at <= reader.now:
        return gettext(_BY_NOW) % values
    earliest = min(max(earliest, reader.now), at)
    if latest is None:
        when = _times if at - earliest < SHORT else _days
        [values["at"], values["earliest"]] = when(reader, at, earliest)
        return _sentence(gettext(_NOT_BEFORE) % values)
    when = _times if latest - earliest < SHORT else _days
    [values["at"], values["earliest"], values["latest"]] = when(reader, at, earliest, latest)
    if values["earliest"] == values["latest"]:
        return _sentence(gettext(_ON_ONE_DAY) % values)
    values["earliest"], values["latest"] = _without_repeating(values["earliest"], values["latest"])
    return _sentence(gettext(_BETWEEN) % values)


def forecast_interval(reader: Reader, finding: Foreseen) -> str:
    """The interval to the minute, for staff; empty where nothing is foreseen."""
    told = _told(finding)
    if told is None:
        return ""
    _, _, earliest, latest = told
    values = {"earliest": day_and_time(reader, earliest)}
    if latest is None:
        return _unbroken(translations(reader.language).gettext(_OPEN_INTERVAL) % values)
    values["latest"] = day_and_time(reader, latest)
    return _unbroken(translations(reader.language).gettext(_INTERVAL) % values)


def forecast_shortly(reader: Reader, finding: Foreseen) -> str:
    """Limit and likeliest time, for the bar on a time axis; empty where nothing is foreseen."""
    told = _told(finding)
    if told is None:
        return ""
    limit, at, earliest, latest = told
    when = _times if (latest or at) - earliest < SHORT else _days
    return translations(reader.language).gettext(_SHORTLY) % {
        "limit": _limit(reader, finding, limit),
        "at": when(reader, at)[0],
    }


def soonest(findings: Iterable[F]) -> F | None:
    """Of open findings the one that is foreseen to be at its limit first."""
    foreseen = [(told[1], finding) for finding in findings if (told := _told(finding))]
    return min(foreseen, key=lambda pair: pair[0])[1] if foreseen else None


def told_of(findings: Iterable[F]) -> list[F]:
    """Those to tell the forecast of: of several that lead one metric to its limit, the first given."""
    firsts: dict[tuple[str, ...], F] = {}
    for finding in findings:
        if _told(finding) is not None:
            firsts.setdefault(tuple(map(str, finding.metrics)), finding)
    return list(firsts.values())


def _told(finding: Foreseen) -> tuple[float, datetime, datetime, datetime | None] | None:
    """Limit, likeliest time and the interval's ends; None where that is not on record."""
    told = finding.forecast
    if not told or finding.ended_at is not None:
        return None
    try:
        limit, at = float(told["limit"]), from_seconds(float(told["limit_reached_s"]))
        earliest = from_seconds(
            float(told.get("limit_reached_earliest_s", told["limit_reached_s"]))
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None  # what another version foresaw, or beyond any calendar
    try:
        latest = from_seconds(float(told["limit_reached_latest_s"]))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        latest = None
    return limit, at, min(earliest, at), None if latest is None else max(latest, at)


def _limit(reader: Reader, finding: Foreseen, limit: float) -> str:
    return about(reader, limit, str(finding.evidence.get("unit", "")))


def _sentence(text: str) -> str:
    """A date that ends with a full stop, as Russian years do, ends the sentence, too."""
    return text[:-1] if text.endswith("..") else text


def _unbroken(text: str) -> str:
    return text.replace(" %", f"{NO_BREAK_SPACE}%")


def _times(reader: Reader, *moments: datetime) -> list[str]:
    return [day_and_time(reader, moment) for moment in moments]


def _days(reader: Reader, *moments: datetime) -> list[str]:
    """As in "9 December", with the year where one of them is in another one."""
    local = [moment.astimezone(reader.timezone) for moment in moments]
    year = reader.now.astimezone(reader.timezone).year
    if any(moment.year != year for moment in local):
        return [format_date(moment.date(), "long", locale=reader.locale) for moment in local]
    return [format_skeleton("MMMMd", moment, locale=reader.locale) for moment in local]


def _without_repeating(first: str, last: str) -> tuple[str, str]:
    """As people say it: "3" and "9 December", "December 3" and "9", "3 Dec, 14:00" and "18:00"."""
    a, b = first.split(" "), last.split(" ")
    same = 0
    while same < min(len(a), len(b)) - 1 and a[-1 - same] == b[-1 - same]:
        same += 1
    if same:
        return " ".join(a[:-same]).rstrip(","), last
    while same < min(len(a), len(b)) - 1 and a[same] == b[same]:
        same += 1
    return first, " ".join(b[same:])
