"""English for a lay reader, with numbers and units: what, how much, since when, compared to what."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_UNITS = {
    "Cel": "°C", "%RH": "% humidity", "%EL": "%", "/": "", "1": "", "": "", "m/s2": "m/s²", "m3/s": "m³/s",
    "1/s": "per second",
}  # fmt: skip
_UNIT_AT_END = re.compile(r"(?<=\S)\s*[\[(](?=[^\])]*[a-zA-Z%°µΩ])[^\])\s]{1,8}[\])]\s*$")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def plain_name(metric: str) -> str:
    """`compressor/current` reads "compressor current", `battery [V]` "battery"; no control characters."""
    metric = _UNIT_AT_END.sub("", metric)
    words = re.sub(r"[^\w%°. -]+|_", " ", metric[:80], flags=re.UNICODE)
    return " ".join(words.split()) or "signal"


def quantity(value: float, unit: str) -> str:
    """A number in three or four significant digits with its unit."""
    value, shown = _scaled(value, unit)
    if value == 0 or not math.isfinite(value):
        text = f"{value:g}"
    elif abs(value) >= 1e6 or abs(value) < 1e-6:
        text = f"{value:.2e}"
    else:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        text = f"{value:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {shown}".strip()


def per_second(unit: str) -> str:
    """The unit of so many of it a second."""
    return "1/s" if unit in {"", "1", "count"} else f"{unit}/s"


def _scaled(value: float, unit: str) -> tuple[float, str]:
    """Thousands of pascals and watts read better with a prefix."""
    if unit in {"Pa", "W", "Wh", "J"} and abs(value) >= 10_000:
        return value / 1000, f"k{unit}"
    known = _UNITS.get(unit)
    if known is not None:
        return value, known
    return value, " ".join(re.sub(r"[^\w%°/.²³ -]", " ", unit[:20]).split())


def moment(time_s: float, now_s: float) -> str:
    """A time as people say it, relative to when the sentence is spoken; UTC."""
    try:
        when = datetime.fromtimestamp(time_s, UTC)
    except (OverflowError, OSError, ValueError):
        return f"second {time_s:.0f}"
    if 0 <= now_s - time_s < 6 * 86400:
        return f"{DAYS[when.weekday()]} {when:%H:%M}"
    return f"{when:%d %B %Y %H:%M}"


def lasting(seconds: float) -> str:
    """A duration in its natural unit."""
    for size, name in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= 3.0 * size or (seconds >= size and seconds % size < 0.05 * size):
            count = round(seconds / size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    if 0.0 < seconds < 0.95:
        return f"{quantity(1000.0 * seconds, 'ms')}"
    count = max(round(seconds), 1)
    return f"{count} second{'' if count == 1 else 's'}"


def difference(now: float, usual: float, unit: str) -> str:
    """`18 % above` where a percentage means something, else `3.2 °C above`."""
    side = "above" if now > usual else "below"
    share = abs(now - usual) / abs(usual) * 100 if usual else math.inf
    if unit in {"Cel", "K"} or not 0.95 <= share <= 500 or now * usual < 0:
        return f"{quantity(abs(now - usual), unit)} {side}"
    return f"{share:.0f} % {side}"


def level_sentence(
    name: str, unit: str, now: float, usual: float, onset_s: float, at_s: float
) -> str:
    return (
        f"The {name} has been {difference(now, usual, unit)} its usual level since"
        f" {moment(onset_s, at_s)}: about {quantity(now, unit)} instead of {quantity(usual, unit)}."
    )


def drift_sentence(
    name: str, unit: str, now: float, usual: float, per_day: float, onset_s: float, at_s: float
) -> str:
    way = "rising" if per_day > 0 else "falling"
    return (
        f"The {name} has been slowly {way} since about {moment(onset_s, at_s)}: it is now"
        f" {difference(now, usual, unit)} the level it had when it was new here"
        f" ({quantity(usual, unit)})."
    )


def deviation_sentence(name: str, unit: str, away: float, onset_s: float, at_s: float) -> str:
    side = "higher" if away > 0 else "lower"
    return (
        f"Since {moment(onset_s, at_s)} the {name} has been about {quantity(abs(away), unit)}"
        f" {side} than it usually is at this time of day."
    )


def variance_sentence(name: str, ratio: float, onset_s: float, at_s: float) -> str:
    word = "restless" if ratio > 1 else "calm"
    share = f"about {ratio:.1f} times as much as usual" if ratio > 1 else "much less than usual"
    return (
        f"The {name} has been unusually {word} since {moment(onset_s, at_s)}:"
        f" it changes {share} from one reading to the next."
    )


def stuck_sentence(name: str, unit: str, value: float, onset_s: float, at_s: float) -> str:
    return (
        f"The {name} has shown exactly {quantity(value, unit)} since {moment(onset_s, at_s)},"
        " although it used to change all the time: the sensor may be stuck."
    )


def range_sentence(name: str, unit: str, value: float, onset_s: float, at_s: float) -> str:
    return (
        f"The {name} has read {quantity(value, unit)} since {moment(onset_s, at_s)}, which is"
        " physically not possible: the sensor or its wiring is probably faulty."
    )


def missing_sentence(name: str, interval_s: float, onset_s: float, at_s: float) -> str:
    return (
        f"No {name} has arrived since {moment(onset_s, at_s)}, although the device's other"
        f" readings go on; it usually comes every {lasting(interval_s)}."
    )


def silence_sentence(interval_s: float, onset_s: float, at_s: float, *, lost: bool) -> str:
    if lost:
        return (
            f"The device lost its connection and has not been heard since {moment(onset_s, at_s)}."
        )
    return (
        f"The device has not been heard since {moment(onset_s, at_s)};"
        f" it usually reports every {lasting(interval_s)}."
    )


def gap_sentence(interval_s: float, since_s: float, until_s: float) -> str:
    return (
        f"No readings were taken for {lasting(until_s - since_s)} from {moment(since_s, until_s)} on; usually there is"
        f" one every {lasting(interval_s)}."
    )


def peers_sentence(
    metric: str, unit: str, now: float, usual: float, peers: int, onset_s: float, at_s: float
) -> str:
    return (
        f"The {plain_name(metric)} has been {difference(now, usual, unit)} that of {peers} devices of its kind"
        f" since {moment(onset_s, at_s)}: about {quantity(now, unit)} instead of {quantity(usual, unit)}."
    )


def gateway_sentence(others: int, onset_s: float, at_s: float) -> str:
    behind = "the device" if others == 1 else f"the {others} devices"
    return f"The gateway and {behind} behind it have not been heard since {moment(onset_s, at_s)}."


def flapping_sentence(times: int, onset_s: float, at_s: float) -> str:
    return (
        f"The device has lost its connection {times} times since {moment(onset_s, at_s)}, far more often"
        " than usual."
    )


def reboot_sentence(times: int, onset_s: float, at_s: float) -> str:
    return f"The device has started anew {times} times since {moment(onset_s, at_s)} without being told to."


def spike_sentence(name: str, unit: str, value: float, onset_s: float, at_s: float) -> str:
    return (
        f"The {name} has jumped several times since {moment(onset_s, at_s)}, last to"
        f" {quantity(value, unit)}, far outside anything seen before."
    )


def reset_sentence(
    name: str, unit: str, now: float, before: float, times: int, onset_s: float, at_s: float
) -> str:
    if times == 1:
        return (
            f"The {name} started again from {quantity(now, unit)} at {moment(onset_s, at_s)}, after"
            f" {quantity(before, unit)}: what counts it was restarted or replaced."
        )
    return (
        f"The {name} has started again from nearly nothing {times} times since {moment(onset_s, at_s)}:"
        " what counts it is restarted again and again."
    )


def events_sentence(name: str, times: int, most: int, onset_s: float, at_s: float) -> str:
    return (
        f"The {name} has changed {times} times since {moment(onset_s, at_s)}, far more often than ever:"
        f" at most {most} times in six hours so far."
    )


def together_sentence(names: list[str], *, sudden: bool, onset_s: float, at_s: float) -> str:
    shown, since = _and(names), moment(onset_s, at_s)
    if sudden:
        what = f"led by {shown}" if names else "no single one standing out"
        return f"The readings have been moving together far more than usual since {since}, {what}."
    what = f", above all {shown}" if names else ""
    return f"Since {since} the readings together have left the levels of the healthy run{what}."


def relation_sentence(
    metric: str,
    unit: str,
    now: float,
    suggested: float,
    others: list[str],
    onset_s: float,
    at_s: float,
) -> str:
    names = " and ".join(plain_name(other) for other in others)
    return (
        f"The {plain_name(metric)} has been out of step with {names} since {moment(onset_s, at_s)}: about"
        f" {quantity(now, unit)} where they suggest {quantity(suggested, unit)}."
    )


def rhythm_sentence(
    metric: str,
    unit: str,
    swing: float,
    usual_swing: float,
    onset_s: float,
    at_s: float,
    on_days: list[int],
) -> str:
    """`on_days`: the days of the week that alone are other than they were; none: all of them."""
    days = _and([f"{DAYS[day]}s" for day in on_days])
    where = f"its usual rhythm on {days}" if days else "its usual rhythm of day and week"
    since = f"The {plain_name(metric)} no longer follows {where} since {moment(onset_s, at_s)}:"
    if not 0.5 * usual_swing <= swing <= 2.0 * usual_swing:
        usually = "usually there by" if days else "usually by"
        return f"{since} it moves by {quantity(swing, unit)} in a day, {usually} {quantity(usual_swing, unit)}."
    return f"{since} its highs and lows come at other times."


def _and(words: list[str]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)
