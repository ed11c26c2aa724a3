"""A finding's numbers as a list of facts, for those who want them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.pages.language.formatting import duration, number, reading, weekdays
from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations

_LABELS = {
    "now": N_("Now"),
    "usual": N_("Usual"),
    "value": N_("Value"),
    "band_low": N_("Normal from"),
    "band_high": N_("Normal to"),
    "seen_low": N_("Lowest seen"),
    "seen_high": N_("Highest seen"),
    "limit_low": N_("Possible from"),
    "limit_high": N_("Possible to"),
    "away_from_profile": N_("Away from the usual day"),
    "step_now": N_("Change per reading now"),
    "step_usual": N_("Change per reading, usual"),
    "longest_standstill_before_s": N_("Longest standstill before"),
    "silent_for_s": N_("Silent for"),
    "usual_interval_s": N_("Usual interval"),
    "times": N_("How often"),
    "within_s": N_("Within"),
    "usual_per_day": N_("Usual per day"),
    "devices_behind": N_("Devices behind it"),
    "value_before": N_("Value before"),
    "most_in_six_hours": N_("At most in six hours so far"),
    "suggested_by_others": N_("What the others suggest"),
    "times_usual_error": N_("Times the usual error"),
    "shares": N_("Most out of step"),
    "times_its_limit": N_("Times its limit"),
    "swing_now": N_("Moves in a day, now"),
    "swing_usual": N_("Moves in a day, usual"),
    "on_days": N_("On these days of the week"),
    "counted": N_("Counted"),
    "peers": N_("Devices compared with"),
    "peers_usual": N_("Usual on those"),
    "peers_low": N_("Lowest of those"),
    "peers_high": N_("Highest of those"),
    "times_their_spread": N_("Times their spread"),
    "times_its_band": N_("Times its normal spread"),
    "compared_to": N_("Compared to"),
    "remaining_days": N_("Time left"),
    "low_days": N_("Time left, at least"),
    "high_days": N_("Time left, at most"),
    "horizon_days": N_("Looks ahead"),
    "probability": N_("Probability of a failure"),
}

_COMPARED_TO = {
    "its own level during commissioning": N_("its own level during commissioning"),
    "its own usual course of the day": N_("its own usual course of the day"),
    "its own steps during commissioning": N_("its own steps during commissioning"),
    "its own longest standstill so far": N_("its own longest standstill so far"),
    "what the quantity can physically be": N_("what the quantity can physically be"),
    "its own usual interval": N_("its own usual interval"),
    "its own usual week": N_("its own usual week"),
    "devices of the same model, firmware and site": N_(
        "devices of the same model, firmware and site"
    ),
    "devices of the same model": N_("devices of the same model"),
    "the other devices": N_("the other devices"),
    "everything it has read so far": N_("everything it has read so far"),
    "its lowest of each day during commissioning": N_(
        "its lowest of each day during commissioning"
    ),
    "its highest of each day during commissioning": N_(
        "its highest of each day during commissioning"
    ),
    "its steps in the calmest hours during commissioning": N_(
        "its steps in the calmest hours during commissioning"
    ),
    "how much its metrics moved in its other hours": N_(
        "how much its metrics moved in its other hours"
    ),
    "its healthy run": N_("its healthy run"),
    "a counter, which only rises": N_("a counter, which only rises"),
    "its busiest six hours so far": N_("its busiest six hours so far"),
    "what the other readings suggest": N_("what the other readings suggest"),
    "its own usual course of day and week": N_("its own usual course of day and week"),
    "per second": N_("per second"),
}

_PLAIN = frozenset(
    {
        "times_its_band",
        "times_their_spread",
        "times_usual_error",
        "times_its_limit",
        "times",
        "usual_per_day",
        "devices_behind",
        "peers",
        "most_in_six_hours",
    }
)
"""Numbers without the metric's unit."""


def evidence_rows(reader: Reader, evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, value) of every piece of evidence; unknown ones under their own names."""
    gettext = translations(reader.language).gettext
    unit = str(evidence.get("unit", ""))
    rows = []
    for key, value in evidence.items():
        if key == "unit":
            continue
        label = gettext(_LABELS[key]) if key in _LABELS else key.replace("_", " ")
        if key == "on_days":
            shown = weekdays(reader, str(value))
        elif isinstance(value, str):
            shown = gettext(_COMPARED_TO[value]) if value in _COMPARED_TO else value
        elif key.endswith("_s"):
            shown = duration(reader, float(value))
        elif key.endswith("_days"):
            shown = duration(reader, float(value) * 86_400.0)
        elif key == "probability":
            shown = reading(reader, float(value), "/")
        elif key in _PLAIN or key not in _LABELS:
            shown = number(reader, float(value))
        else:
            shown = reading(reader, float(value), unit)
        rows.append((label, shown))
    return rows
