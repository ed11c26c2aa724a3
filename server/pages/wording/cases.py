"""States, priorities, outcomes and roles, in the reader's language."""

from __future__ import annotations

from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations

_WORDS: dict[str, dict[str, str]] = {
    "ticket_state": {
        "new": N_("New"),
        "in_progress": N_("In progress"),
        "waiting": N_("Waiting"),
        "resolved": N_("Solved"),
        "closed": N_("Closed"),
    },
    "priority": {
        "low": N_("Low urgency"),
        "normal": N_("Normal urgency"),
        "high": N_("High urgency"),
        "urgent": N_("Very urgent"),
    },
    "resolution": {
        "recovered": N_("It went back to normal by itself"),
        "repaired": N_("It was repaired"),
        "no_fault_found": N_("No fault was found"),
        "external_cause": N_("The cause lay outside the device"),
        "answered": N_("The question was answered"),
        "withdrawn": N_("It was withdrawn"),
    },
    "job_state": {
        "open": N_("Nobody yet"),
        "assigned": N_("Planned"),
        "travelling": N_("On the way"),
        "on_site": N_("At work"),
        "paused": N_("Paused"),
        "finished": N_("Finished"),
        "cancelled": N_("Cancelled"),
    },
    "job_action": {
        "assign": N_("Take this job"),
        "release": N_("Give it back"),
        "travel": N_("I am on my way"),
        "start": N_("Start work"),
        "pause": N_("Pause"),
        "resume": N_("Go on"),
        "finish": N_("Finish with a verdict"),
        "cancel": N_("Cancel the job"),
    },
    "job_done": {
        "assign": N_("Job taken"),
        "release": N_("Job given back"),
        "travel": N_("On the way"),
        "start": N_("Work started"),
        "pause": N_("Work paused"),
        "resume": N_("Work resumed"),
        "finish": N_("Work finished"),
        "cancel": N_("Job cancelled"),
    },
    "verdict": {
        "confirmed": N_("Fault confirmed"),
        "different_fault": N_("A different fault"),
        "no_fault_found": N_("No fault found"),
        "external_cause": N_("Cause outside the device"),
    },
    "verdict_hint": {
        "confirmed": N_("The device had what was reported."),
        "different_fault": N_("Something was wrong, but not what was reported."),
        "no_fault_found": N_("Everything was as it should be."),
        "external_cause": N_("Power, water, network, use or the like."),
    },
    "tuning_origin": {
        "labels": N_("verdicts and thumbs"),
        "hand": N_("set by hand"),
        "revert": N_("back to version"),
    },
    "label": {
        "confirmed": N_("Fault confirmed"),
        "missed": N_("Fault missed"),
        "no_fault": N_("No fault found"),
        "useful": N_("Useful to the owner"),
        "not_useful": N_("Of no use to the owner"),
        "neither": N_("Cause outside the device"),
    },
    "role": {
        "owner": N_("Owner"),
        "technician": N_("Technician"),
        "staff": N_("Support"),
        "admin": N_("Administrator"),
        "system": N_("Forewarn"),
    },
    "queue": {
        "support": N_("the support team"),
        "escalations": N_("the head of support"),
    },
    "skill": {
        "electronics": N_("Electronics"),
        "refrigeration": N_("Refrigeration"),
        "mechanics": N_("Mechanics"),
    },
    "device_event": {
        "reboot": N_("Restart"),
        "boot": N_("Restart"),
        "online": N_("Connected"),
        "offline": N_("Disconnected"),
        "link_fault": N_("Connection to a sensor board lost"),
        "log": N_("Log entry"),
        "spool_dropped": N_("Readings dropped: storage full"),
        "sensor_stale": N_("A sensor stopped answering"),
        "sensor_back": N_("A sensor answers again"),
        "firmware": N_("Firmware changed"),
        "firmware_changed": N_("Firmware changed"),
        "firmware_update_begun": N_("Firmware update begun"),
        "firmware_update_progress": N_("Firmware is being written"),
        "firmware_update_done": N_("Firmware updated"),
        "firmware_update_reverted": N_("Firmware update taken back"),
        "firmware_update_refused": N_("Firmware update refused"),
        "firmware_update_broken": N_("Firmware update failed"),
        "firmware_update_stopped": N_("Firmware update interrupted"),
        "firmware_update_resumed": N_("Firmware update goes on"),
        "firmware_update_unknown": N_("Outcome of a firmware update unknown"),
    },
    "command_state": {
        "pending": N_("Waiting"),
        "sent": N_("Sent"),
        "done": N_("Done"),
        "failed": N_("Failed"),
        "refused": N_("Refused"),
        "expired": N_("Expired"),
    },
    "incident_state": {
        "open": N_("Open"),
        "recovering": N_("Back to normal, being watched"),
        "closed": N_("Closed"),
    },
}

_TONES: dict[str, dict[str, str]] = {
    "ticket_state": {
        "new": "notice",
        "in_progress": "warn",
        "waiting": "quiet",
        "resolved": "good",
        "closed": "quiet",
    },
    "job_state": {
        "open": "quiet",
        "assigned": "notice",
        "travelling": "notice",
        "on_site": "warn",
        "paused": "quiet",
        "finished": "good",
        "cancelled": "quiet",
    },
    "verdict": {"confirmed": "good", "different_fault": "warn"},
    "incident_state": {"open": "warn", "recovering": "notice"},
    "device_event": {
        "reboot": "warn",
        "link_fault": "warn",
        "spool_dropped": "bad",
        "firmware_update_done": "good",
        "firmware_update_reverted": "warn",
        "firmware_update_refused": "warn",
        "firmware_update_stopped": "warn",
        "firmware_update_broken": "bad",
        "firmware_update_unknown": "bad",
    },
    "command_state": {"done": "good", "failed": "bad", "refused": "bad", "expired": "warn"},
}


def word(reader: Reader, kind: str, value: object) -> str:
    """The word for `value` of `kind` ("ticket_state", …); an unknown value is shown readably."""
    text = str(value)
    known = _WORDS[kind].get(text)
    if known is not None:
        return translations(reader.language).gettext(known)
    return text.replace("_", " ").capitalize()


def words(reader: Reader, kind: str) -> list[tuple[str, str]]:
    """(value, word) of everything of `kind`, in its usual order, for a choice in a form."""
    return [(value, word(reader, kind, value)) for value in _WORDS[kind]]


def tone(kind: str, value: object) -> str:
    """The colour that `value` of `kind` is shown in."""
    return _TONES.get(kind, {}).get(str(value), "quiet")


URGENCY = {"low": 1, "normal": 2, "high": 3, "urgent": 4}
