"""What stands behind a finding about the course of one metric: how it is now, and how it usually is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from server.pages.language.formatting import about
from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations

_SLOWLY: Final = N_("It is at about %(now)s now; when it was new here, it was at about %(usual)s.")
# Where whole days were compared, the reading of this moment may be anywhere between their ends.
_DAY_BY_DAY: Final = {
    "its lowest of each day during commissioning": N_(
        "Even its lowest of the day is about %(now)s now; when it was new here, that was about %(usual)s."
    ),
    "its highest of each day during commissioning": N_(
        "Even its highest of the day is only about %(now)s now; when it was new here, that was about "
        "%(usual)s."
    ),
}


def value_of(reader: Reader, evidence: Mapping[str, Any], key: str) -> str:
    return about(reader, float(evidence[key]), str(evidence.get("unit", "")))


def level(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "It is at about %(now)s now; usually it is at about %(usual)s."
    ) % {"now": value_of(reader, evidence, "now"), "usual": value_of(reader, evidence, "usual")}


def drift(reader: Reader, evidence: Mapping[str, Any]) -> str:
    text = _DAY_BY_DAY.get(str(evidence.get("compared_to", "")), _SLOWLY)
    return translations(reader.language).gettext(text) % {
        "now": value_of(reader, evidence, "now"),
        "usual": value_of(reader, evidence, "usual"),
    }


def deviation(reader: Reader, evidence: Mapping[str, Any]) -> str:
    away = float(evidence["away_from_profile"])
    text = (
        N_("It is about %(away)s above what is usual at this time of day.")
        if away > 0
        else N_("It is about %(away)s below what is usual at this time of day.")
    )
    shown = about(reader, abs(away), str(evidence.get("unit", "")))
    return translations(reader.language).gettext(text) % {"away": shown}
