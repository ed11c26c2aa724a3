"""Numbers, units, dates and durations as the reader's language writes them.

All functions take the reader first; `rendering.py` offers them to templates as filters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    format_timedelta,
    get_day_names,
)
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations

NO_BREAK_SPACE = "\u00a0"
FRESH_S = 300
LONGEST_S = 1e12
BEYOND_COUNTING = 1e15
"""Numbers that nothing measures; shown short, so that a broken device breaks no page."""
ABSENT = "\u2013"
"""Written where there is no value."""

# SenML units whose sign differs from their code; all others are written as they are.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SIGNS = {"Cel": "°C", "%RH": "%", "%EL": "%", "/": "%", "deg": "°", "m3": "m³", "m/s2": "m/s²"}
_SIGNS |= {"Ohm": "Ω", "count": "", "1": ""}
_BYTE_STEPS = (N_("B"), N_("kB"), N_("MB"), N_("GB"), N_("TB"))
_RATE_STEPS = (N_("bit/s"), N_("kbit/s"), N_("Mbit/s"), N_("Gbit/s"))
_LOCAL_SIGNS = frozenset(
    {
        *_BYTE_STEPS,
        *_RATE_STEPS,
        N_("A"),
        N_("V"),
        N_("W"),
        N_("kW"),
        N_("Hz"),
        N_("Pa"),
        N_("kPa"),
        N_("l/s"),
        N_("m/s²"),
        N_("m³"),
        N_("s"),
        N_("lx"),
    }
)
"""Signs that some languages write in their own letters."""


def number(reader: Reader, value: float | None, digits: int = 3) -> str:
    """`value` to `digits` significant digits, in exponents only beyond counting; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return ABSENT
    if abs(value) >= BEYOND_COUNTING:
        return f"{value:.2e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    rounded = round(value, min(decimals, 6))
    if digits >= 3 and abs(rounded) >= 100:
        rounded = round(rounded)
    return format_decimal(rounded, locale=reader.locale, decimal_quantization=False)


def unit_sign(reader: Reader, unit: str) -> str:
    """How a SenML unit is written for people."""
    sign = _SIGNS.get(unit, unit)
    return translations(reader.language).gettext(sign) if sign in _LOCAL_SIGNS else sign


def chart_scale(reader: Reader, unit: str) -> tuple[float, str]:
    """(factor, sign): how a unit is drawn, so that axes have short numbers."""
    known = {"Pa": (1e-3, "kPa"), "/": (100.0, "/"), "B": (1e-9, "GB"), "bit/s": (1e-3, "kbit/s")}
    factor, sign = known.get(unit, (1.0, unit))
    return factor, unit_sign(reader, sign)


def reading(reader: Reader, value: float | None, unit: str = "") -> str:
    """A measured value with its unit: "21.4 °C", "38 %", "1.2 GB"."""
    if value is None or not math.isfinite(value):
        return ABSENT
    counts = abs(value) < BEYOND_COUNTING
    if unit == "/" and counts:
        return format_percent(round(value, 3), format=None, locale=reader.locale)
    if unit == "B" and counts:
        return _bytes(reader, value)
    if unit == "bit/s" and counts:
        return _bit_rate(reader, value)
    if unit == "Pa" and abs(value) >= 10_000:
        return _joined(number(reader, value / 1000, 4), unit_sign(reader, "kPa"))
    if unit == "s" and abs(value) >= 600:
        return duration(reader, value)
    return _joined(number(reader, value), unit_sign(reader, unit))


def about(reader: Reader, value: float, unit: str = "") -> str:
    """As `reading`, no finer than a sentence with "about" needs: 9.5 °C, 0.32 l/s, 420 kPa."""
    small = abs(value) < 1 or unit == "/"
    return reading(reader, value if small else round(value, 1), unit)


def _joined(text: str, sign: str) -> str:
    return f"{text}{NO_BREAK_SPACE}{sign}" if sign else text


def _bytes(reader: Reader, value: float) -> str:
    step = 0
    while abs(value) >= 1000 and step < len(_BYTE_STEPS) - 1:
        value, step = value / 1000, step + 1
    return _joined(number(reader, value), unit_sign(reader, _BYTE_STEPS[step]))


def _bit_rate(reader: Reader, value: float) -> str:
    step = 0
    while abs(value) >= 1000 and step < len(_RATE_STEPS) - 1:
        value, step = value / 1000, step + 1
    return _joined(number(reader, value), unit_sign(reader, _RATE_STEPS[step]))


def duration(reader: Reader, seconds: float) -> str:
    """A length of time in its largest fitting unit: "3 hours"."""
    length = timedelta(seconds=min(abs(seconds), LONGEST_S))
    return format_timedelta(length, threshold=1.5, locale=reader.locale)


def relative(reader: Reader, moment: datetime) -> str:
    """As in "3 hours ago" and "in 2 days"."""
    offset = moment - reader.now
    if abs(offset) < timedelta(minutes=1):
        return translations(reader.language).gettext("now")
    return format_timedelta(
        offset, granularity="minute", threshold=1.5, add_direction=True, locale=reader.locale
    )


def _local(reader: Reader, moment: datetime) -> datetime:
    return moment.astimezone(reader.timezone)


def day_and_time(reader: Reader, moment: datetime) -> str:
    """As in "21 Nov, 14:05", with the year where it is another one."""
    local = _local(reader, moment)
    skeleton = "MMMd" if local.year == _local(reader, reader.now).year else "yMMMd"
    day = format_skeleton(skeleton, local, locale=reader.locale)
    return f"{day}, {clock_time(reader, moment)}"


def clock_time(reader: Reader, moment: datetime) -> str:
    return format_time(_local(reader, moment), "short", locale=reader.locale)


def day(reader: Reader, moment: datetime) -> str:
    """As in "Saturday, 21 November"."""
    return format_skeleton("MMMMEEEEd", _local(reader, moment), locale=reader.locale)


def weekdays(reader: Reader, english: str) -> str:
    """As in "Saturday, Sunday", of days that are so named in a finding's evidence."""
    names = get_day_names("wide", "stand-alone", reader.locale)
    known = [WEEKDAYS.index(name) for name in english.split(", ") if name in WEEKDAYS]
    return ", ".join(names[at] for at in known)


def full(reader: Reader, moment: datetime) -> str:
    """The unmistakable form, for a title: date, time and zone."""
    local = _local(reader, moment)
    date = format_date(local.date(), "full", locale=reader.locale)
    return f"{date}, {format_time(local, 'long', locale=reader.locale)}"


def from_seconds(moment: datetime | float) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)


def time_element(
    form: Callable[[Reader, datetime], str], reader: Reader, moment: datetime | float | None
) -> str | Markup:
    """A `<time>` with the exact moment for machines and on hover, `form` for reading."""
    if moment is None:
        return ABSENT
    at = from_seconds(moment)
    kind = Markup(" data-relative") if form is relative else Markup()
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), full(reader, at), kind, form(reader, at)
    )


def age(reader: Reader, time_s: float) -> str | Markup:
    """How old a reading is, where that is worth saying."""
    if reader.now.timestamp() - time_s < FRESH_S:
        return ""
    return time_element(relative, reader, time_s)
