"""A range of time as it is written in a query: ISO 8601 or Unix seconds."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from server.kit.clock import from_unix
from server.kit.errors import BadInput

_EARLIEST_S = 0.0
_LATEST_S = 4_102_444_800.0  # the year 2100


def moment(text: str, field: str) -> datetime:
    """The time that `text` says; one without timezone is UTC. Raises BadInput naming `field`.

    >>> moment("1970-01-01T01:00:00+01:00", "from") == moment("0", "from")
    True
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = _from_iso(text, field)
    if not math.isfinite(seconds) or not _EARLIEST_S <= seconds <= _LATEST_S:
        raise BadInput(field, "must lie between the years 1970 and 2100")
    return from_unix(seconds)


def period(
    since: str | None, until: str | None, *, default: timedelta, now: datetime
) -> tuple[datetime, datetime]:
    """(`from`, `to`); `to` is now and `from` is `default` before it, unless given. Raises BadInput."""
    end = moment(until, "to") if until is not None else now
    begin = moment(since, "from") if since is not None else end - default
    if begin >= end:
        raise BadInput("from", "must be earlier than `to`")
    return begin, end


def _from_iso(text: str, field: str) -> float:
    # A plus sign that was not escaped arrives as a space.
    try:
        time = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        raise BadInput(field, "must be ISO 8601 or Unix seconds") from error
    try:
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except OverflowError as error:
        raise BadInput(field, "must lie between the years 1970 and 2100") from error
