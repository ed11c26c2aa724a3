"""The system's own lines in a ticket's thread, from their codes and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.kit.clock import from_unix
from server.pages.language.formatting import ABSENT, day_and_time
from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations
from server.pages.wording.cases import word

_TEXTS = {
    "noticed": N_("We have noticed this and will deal with it by %(due_s)s."),
    "heard": N_("We have received your request and will deal with it by %(due_s)s."),
    "assigned": N_("Responsible for this case now: %(name)s."),
    "queued": N_("Responsible for this case now: %(queue)s."),
    "visit_planned": N_("A technician's visit is planned for %(planned_for_s)s."),
    "visit_assigned": N_("A visit is planned for %(planned_for_s)s. Who comes: %(name)s."),
    "visit_open": N_("A technician will come; we will tell you when."),
    "visit_started": N_("The technician has begun to work on the device."),
    "visit_confirmed": N_(
        "The technician found the fault and put it right: %(component)s, %(action)s."
    ),
    "visit_different_fault": N_(
        "The technician found another fault and put it right: %(component)s, %(action)s."
    ),
    "visit_no_fault_found": N_("The technician found no fault."),
    "visit_external_cause": N_("The technician found a cause outside the device."),
    "visit_cancelled": N_("The visit is cancelled."),
    "recovering": N_(
        "The device is well again. We watch it until %(watch_until_s)s before we close the case."
    ),
    "delayed": N_(
        "This takes longer than we promised: not %(previous_due_s)s but %(due_s)s. We are sorry."
    ),
    "escalated": N_("The case now lies with %(queue)s. %(priority)s."),
    "resolved": N_("The case is solved. %(resolution)s."),
    "closed": N_("The case is closed. %(resolution)s."),
    "relapsed": N_("The problem is back. The case is open again."),
    "reopened": N_("The case is open again."),
}

ICONS = {
    "noticed": ("eye", "warn"),
    "heard": ("inbox", "notice"),
    "assigned": ("user", "notice"),
    "queued": ("users", "notice"),
    "visit_planned": ("calendar", "notice"),
    "visit_assigned": ("calendar", "notice"),
    "visit_open": ("calendar", "notice"),
    "visit_started": ("wrench", "notice"),
    "visit_confirmed": ("wrench", "good"),
    "visit_different_fault": ("wrench", "good"),
    "visit_no_fault_found": ("wrench", "quiet"),
    "visit_external_cause": ("wrench", "quiet"),
    "visit_cancelled": ("circle-x", "quiet"),
    "recovering": ("activity", "good"),
    "delayed": ("timer", "warn"),
    "escalated": ("flag", "warn"),
    "resolved": ("circle-check", "good"),
    "closed": ("circle-check", "quiet"),
    "relapsed": ("undo-2", "warn"),
    "reopened": ("undo-2", "notice"),
}
"""Icon and tone of each line."""


def system_message(reader: Reader, code: str, params: Mapping[str, Any]) -> str:
    """What the line says; a code of a newer version is shown by itself."""
    text = _TEXTS.get(code)
    if text is None:
        return code
    said = _Said({key: _parameter(reader, key, value) for key, value in params.items()})
    return translations(reader.language).gettext(text) % said


def icon(_reader: Reader, code: str) -> tuple[str, str]:
    return ICONS.get(code, ("info", "quiet"))


class _Said(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ABSENT


def _parameter(reader: Reader, key: str, value: Any) -> str:
    if key.endswith("_s") and isinstance(value, int | float):
        return day_and_time(reader, from_unix(value))
    if key in {"queue", "priority", "resolution"}:
        return word(reader, key, value)
    return str(value)
