"""What names, units and free text may look like, and how foreign text is made safe to log."""

import re
from functools import lru_cache
from typing import Final

from device_agent.wire.errors import WireError

MAX_TEXT_CHARS: Final = 4096

_METRIC: Final = re.compile(r"[a-z0-9_./-]{1,128}")
_UNIT: Final = re.compile(r"[!-~]{1,32}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


# A device repeats its few names for ever, and a look-up is five times quicker than the pattern.
@lru_cache(maxsize=8192)
def check_metric(name: str) -> str:
    """Return a metric name unchanged; raises WireError outside ``[a-z0-9_./-]{1,128}``."""
    if _METRIC.fullmatch(name) is None:
        raise WireError("n", f"{clean(name, 40)!r} is not 1 to 128 of a-z 0-9 _ . / -")
    return name


@lru_cache(maxsize=512)
def check_unit(unit: str) -> str:
    """Return a unit unchanged; raises WireError unless empty or 1 to 32 visible ASCII."""
    if unit and _UNIT.fullmatch(unit) is None:
        raise WireError("u", f"{clean(unit, 40)!r} is not 1 to 32 visible ASCII characters")
    return unit


@lru_cache(maxsize=4096)
def check_token(field: str, text: str) -> str:
    """Return an id unchanged; raises WireError outside ``[A-Za-z0-9_-]{1,64}``."""
    if _TOKEN.fullmatch(text) is None:
        raise WireError(field, "must be 1 to 64 of A-Z a-z 0-9 _ -")
    return text


def check_text(field: str, text: str, limit_chars: int = MAX_TEXT_CHARS) -> str:
    """Return free text unchanged; raises WireError when too long or not encodable as UTF-8."""
    if len(text) > limit_chars:
        raise WireError(field, f"longer than {limit_chars} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WireError(field, "holds half of a surrogate pair") from None
    return text


def clean(text: str, limit_chars: int = 200) -> str:
    """Make foreign text fit for one log line: printable characters only, capped.

    >>> clean("hot" + chr(27) + "[31m" + chr(10) + "fake line")
    'hot?[31m?fake line'
    """
    head = text[: limit_chars + 1]
    shown = "".join(c if c.isprintable() else "?" for c in head[:limit_chars])
    return shown + "…" if len(head) > limit_chars else shown
