"""A path into a JSON document: ``main.temps[0]``, a leading ``$.`` allowed."""

import re
from typing import Any, Final

_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,6})\]")


def parse_path(path: str) -> tuple[str | int, ...]:
    """Give the steps of a path; raises ValueError for what is none.

    >>> parse_path("$.main.temps[0]")
    ('main', 'temps', 0)
    """
    rest = path.removeprefix("$")
    steps: list[str | int] = []
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None:
            raise ValueError(f"can't be read from {rest[at:][:20]!r} on")
        steps.append(found[1] if found[2] is None else int(found[2]))
        at = found.end()
    return tuple(steps)


def path_fault(given: str) -> str:
    """Say what is wrong with a path; empty if nothing is."""
    try:
        parse_path(given)
    except ValueError as error:
        return f"is no path: {error}"
    return ""


def walk(document: Any, steps: tuple[str | int, ...]) -> Any:
    """Give what lies at the path; raises LookupError that names the first step that is not there."""
    found = document
    for step in steps:
        if isinstance(step, str):
            is_there = isinstance(found, dict) and step in found
        else:
            is_there = isinstance(found, list) and step < len(found)
        if not is_there:
            raise LookupError(f"there is no {step!r} in it")
        found = found[step]
    return found
