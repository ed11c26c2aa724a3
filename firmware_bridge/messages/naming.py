"""Names, units and texts of a microcontroller are foreign: made safe once, here."""

from functools import lru_cache
from typing import Final

MAX_NAME_CHARS: Final = 48
MAX_UNIT_CHARS: Final = 16
MAX_TEXT_CHARS: Final = 200

_NAME_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_./-")


# A device repeats its few names for ever; the bound keeps noise from growing the table.
@lru_cache(maxsize=2048)
def metric_name(text: str) -> str | None:
    """Return a metric's name in ``[a-z0-9_./-]{1,48}`` made from a device's own, or None if nothing is left.

    >>> metric_name(" Temp (inside)")
    'temp_inside'
    """
    spelled = "".join(c if c in _NAME_CHARS else "_" for c in text.strip()[:120].lower())
    parts = [part for part in spelled.split("_") if part]
    return "_".join(parts)[:MAX_NAME_CHARS] or None


@lru_cache(maxsize=512)
def clean_unit(text: str) -> str:
    """Keep a unit's visible ASCII; common spellings become SenML's.

    >>> clean_unit("°C"), clean_unit("rpm "), clean_unit("")
    ('Cel', 'rpm', '')
    """
    known = _SPELLINGS.get(text.strip()[:MAX_UNIT_CHARS])
    if known is not None:
        return known
    return "".join(c for c in text if "!" <= c <= "~")[:MAX_UNIT_CHARS]


def clean_text(text: str, limit_chars: int = MAX_TEXT_CHARS) -> str:
    """Make foreign text fit for a log line: printable ASCII, capped."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:limit_chars])


_SPELLINGS: Final = {
    "°C": "Cel", "C": "Cel", "degC": "Cel", "celsius": "Cel", "%": "%", "%rh": "%RH", "% RH": "%RH",
    "volt": "V", "volts": "V", "mps2": "m/s2", "m/s^2": "m/s2", "m/s²": "m/s2", "hz": "Hz", "sec": "s",
    "amp": "A", "amps": "A", "watt": "W", "hPa": "hPa", "knots": "kn", "deg": "deg", "°": "deg",
}  # fmt: skip
