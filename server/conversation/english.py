"""What the system's messages say, in English: for the API, and as the source of the translations.

`{name}` stands for a parameter; parameters ending in `_s` are Unix seconds and said as a UTC time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.conversation.model import Message
from server.kit.clock import from_unix

SYSTEM_TEXTS: Mapping[str, str] = {
    "noticed": "We have noticed something: {sentence} We will deal with it by {due_s}.",
    "heard": "We have received your request and will deal with it by {due_s}.",
    "assigned": "{name} is responsible for this case now.",
    "queued": "The case is in the queue “{queue}” now.",
    "visit_planned": "A technician's visit is planned for {planned_for_s}.",
    "visit_assigned": "{name} will come; the visit is planned for {planned_for_s}.",
    "visit_open": "A technician will come; we will tell you when.",
    "visit_started": "The technician has begun to work on the device.",
    "visit_confirmed": "The technician found the fault and dealt with it: {component}, {action}.",
    "visit_different_fault": "The technician found another fault and dealt with it: {component}, {action}.",
    "visit_no_fault_found": "The technician found no fault.",
    "visit_external_cause": "The technician found a cause outside the device.",
    "visit_cancelled": "The visit is cancelled.",
    "recovering": "The device is well again. We watch it until {watch_until_s} before we close the case.",
    "delayed": "This takes longer than we promised: not {previous_due_s} but {due_s}. We are sorry.",
    "escalated": "The case has been escalated to “{queue}”; its priority is {priority} now.",
    "resolved": "The case is resolved: {resolution}.",
    "closed": "The case is closed: {resolution}.",
    "relapsed": "The problem is back. The case is open again.",
    "reopened": "The case is open again.",
}


def text_of(message: Message) -> str:
    """A person's words, or the system's in English."""
    if message.code is None:
        return message.body or ""
    template = SYSTEM_TEXTS.get(message.code)
    return message.code if template is None else fill(template, message.params)


def fill(template: str, params: Mapping[str, Any]) -> str:
    """`template` with its parameters; one that is missing shows as “?”, none can fail.

    >>> fill("until {at_s}: {reason}", {"at_s": 0.0})
    'until 1970-01-01 00:00 UTC: ?'
    """
    return template.format_map(_Said(params))


class _Said(dict[str, Any]):
    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(
            (key, f"{from_unix(value):%Y-%m-%d %H:%M} UTC" if _is_time(key, value) else str(value))
            for key, value in params.items()
        )

    def __missing__(self, key: str) -> str:
        return "?"


def _is_time(key: str, value: object) -> bool:
    return key.endswith("_s") and isinstance(value, int | float)
