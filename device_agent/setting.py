"""How one setting is declared: its default, its meaning, and what it may be."""

import re
from dataclasses import field
from typing import Any


def setting(default: Any, help_text: str, **rules: Any) -> Any:
    """Declare one setting.

    Rules are ``low``, ``high``, ``choices``, ``pattern``, ``each`` (choices of a list), ``required``,
    ``check`` (value → what is wrong with it, or ``""``) and ``example`` (shown instead of the
    default); ``secret`` settings are never shown back.
    """
    metadata = {"help": help_text, **rules}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


PERIOD: dict[str, Any] = {"low": 0.1, "high": 86_400.0}
METRIC = r"[a-z0-9_./-]{1,128}"
WORD = r"[a-z0-9_.-]{1,60}"
UNIT = r"[!-~]{0,32}"


def regex_fault(given: str) -> str:
    """Say what is wrong with a regular expression; empty if nothing is."""
    try:
        re.compile(given)
    except re.error as error:
        return f"is no regular expression: {error}"
    return ""
