"""Findings in words: a headline, what stands behind it, what an owner can do, the numbers for staff."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from server.pages.language.formatting import about, duration, number, weekdays
from server.pages.language.reader import Reader
from server.pages.language.translations import N_, translations
from server.pages.wording.courses import deviation, drift, level, value_of
from server.pages.wording.metrics import metric_names


class FindingLike(Protocol):
    """The parts of a finding that words are made of."""

    @property
    def kind(self) -> str: ...
    @property
    def metrics(self) -> Sequence[Any]: ...
    @property
    def evidence(self) -> Mapping[str, Any]: ...


DAY_S = 86_400.0

UP, DOWN, EITHER = "up", "down", ""

_HEADLINES: dict[tuple[str, str], str] = {
    ("level_shift", UP): N_("%(name)s: higher than usual"),
    ("level_shift", DOWN): N_("%(name)s: lower than usual"),
    ("level_shift", EITHER): N_("%(name)s: not as usual"),
    ("drift", UP): N_("%(name)s: slowly rising"),
    ("drift", DOWN): N_("%(name)s: slowly falling"),
    ("drift", EITHER): N_("%(name)s: slowly changing"),
    ("deviation", UP): N_("%(name)s: higher than usual at this time of day"),
    ("deviation", DOWN): N_("%(name)s: lower than usual at this time of day"),
    ("deviation", EITHER): N_("%(name)s: not as usual at this time of day"),
    ("variance", UP): N_("%(name)s: unusually restless"),
    ("variance", DOWN): N_("%(name)s: unusually calm"),
    ("variance", EITHER): N_("%(name)s: unusually restless"),
    ("stuck", EITHER): N_("%(name)s: the reading has stopped changing"),
    ("out_of_range", EITHER): N_("%(name)s: the reading can't be real"),
    ("silence", EITHER): N_("%(name)s: no readings arrive"),
    ("gap", EITHER): N_("%(name)s: readings were missing for a while"),
    ("spike", EITHER): N_("%(name)s: sudden jumps"),
    ("unlike_peers", UP): N_("%(name)s: higher than on devices like this one"),
    ("unlike_peers", DOWN): N_("%(name)s: lower than on devices like this one"),
    ("unlike_peers", EITHER): N_("%(name)s: not as on devices like this one"),
    ("counter_reset", EITHER): N_("%(name)s: starts again from nothing"),
    ("event_rate", EITHER): N_("%(name)s: changes far more often than ever"),
    ("rhythm", EITHER): N_("%(name)s: no longer follows its usual day"),
    ("relation", EITHER): N_("%(name)s: no longer in step with the other readings"),
    ("life", EITHER): N_("%(name)s: wears out as others did before they failed"),
}
_DEVICE_SILENT = N_("The device no longer reports")
_OF_DEVICE = {
    "silence": _DEVICE_SILENT,
    "flapping": N_("The connection is lost again and again"),
    "reboot_loop": N_("The device starts again and again"),
    "life": N_("The device wears out as others did before they failed"),
}
_GATEWAY_SILENT = N_("The gateway and what is behind it no longer report")
_UNUSUAL = N_("%(name)s: something unusual")
_UNUSUAL_DEVICE = N_("Something unusual on the device")

_ADVICE = {
    "silence": N_(
        "Please check that the device has power and that the network at its place works. "
        "If both are fine, you need not do anything: we look into it."
    ),
    "flapping": N_(
        "Please check that the plug sits firmly and that the network reaches the device well. If both are "
        "fine, you need not do anything: we look into it."
    ),
    "reboot_loop": N_(
        "Please check that plug and power adapter sit firmly. If they do, you need not do anything: we look "
        "into it."
    ),
    "stuck": N_(
        "You need not do anything. The device itself may be all right: we check the sensor."
    ),
    "out_of_range": N_(
        "You need not do anything. The device itself may be all right: we check the sensor."
    ),
}
_GENERAL_ADVICE = N_(
    "You can go on using the device. If you notice noise, smell, heat or leaks, switch it off and "
    "tell us."
)


def headline(reader: Reader, finding: FindingLike) -> str:
    """A few words that name the problem, for titles and lists."""
    gettext = translations(reader.language).gettext
    name = metric_names(translations(reader.language), list(map(str, finding.metrics)))
    if not name:
        if finding.kind == "silence" and "devices_behind" in finding.evidence:
            return gettext(_GATEWAY_SILENT)
        return gettext(_OF_DEVICE.get(finding.kind, _UNUSUAL_DEVICE))
    side = _side(finding.kind, finding.evidence)
    text = _HEADLINES.get((finding.kind, side)) or _HEADLINES.get((finding.kind, EITHER), _UNUSUAL)
    return gettext(text) % {"name": name}


def explanation(reader: Reader, finding: FindingLike) -> str:
    """One sentence of what stands behind the headline; empty where the numbers are missing."""
    say = _EXPLANATIONS.get(finding.kind)
    if say is None:
        return ""
    try:
        return say(reader, finding.evidence)
    except (KeyError, TypeError, ValueError):  # a detector of another version had other evidence
        return ""


def advice(reader: Reader, kind: str) -> str:
    """What an owner can do now."""
    return translations(reader.language).gettext(_ADVICE.get(kind, _GENERAL_ADVICE))


def _side(kind: str, evidence: Mapping[str, Any]) -> str:
    now, usual = {
        "variance": (evidence.get("step_now"), evidence.get("step_usual")),
        "deviation": (evidence.get("away_from_profile"), 0.0),
        "unlike_peers": (evidence.get("now"), evidence.get("peers_usual")),
    }.get(kind, (evidence.get("now"), evidence.get("usual")))
    if not isinstance(now, int | float) or not isinstance(usual, int | float) or now == usual:
        return EITHER
    return UP if now > usual else DOWN


def _variance(reader: Reader, evidence: Mapping[str, Any]) -> str:
    ratio = float(evidence["step_now"]) / float(evidence["step_usual"] or 1.0)
    if ratio <= 1:
        return translations(reader.language).gettext("It changes much less than it used to.")
    return translations(reader.language).gettext(
        "From one reading to the next it changes %(times)s times as much as usual."
    ) % {"times": number(reader, ratio, 2)}


def _stuck(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "It shows exactly %(value)s all the time, although it used to change: the sensor may be stuck."
    ) % {"value": value_of(reader, evidence, "value")}


def _out_of_range(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "It shows %(value)s, which is physically not possible: the sensor or its wiring is probably "
        "faulty."
    ) % {"value": value_of(reader, evidence, "value")}


def _times(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "That happened %(times)s times within %(span)s; usually it is %(usual)s times a day."
    ) % {
        "times": number(reader, float(evidence["times"])),
        "span": duration(reader, float(evidence["within_s"])),
        "usual": number(reader, float(evidence["usual_per_day"]), 2),
    }


def _counter_reset(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "It only counts up; %(times)s times it has fallen, last from %(before)s to %(now)s: what counts it "
        "was restarted or replaced."
    ) % {
        "times": number(reader, float(evidence["times"])),
        "before": value_of(reader, evidence, "value_before"),
        "now": value_of(reader, evidence, "value"),
    }


def _event_rate(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "It changed %(times)s times within %(span)s; so far it was at most %(most)s times in six hours."
    ) % {
        "times": number(reader, float(evidence["times"])),
        "span": duration(reader, float(evidence["within_s"])),
        "most": number(reader, float(evidence["most_in_six_hours"])),
    }


def _relation(reader: Reader, evidence: Mapping[str, Any]) -> str:
    if "suggested_by_others" not in evidence:
        return ""
    return translations(reader.language).gettext(
        "It is at about %(now)s; from the device's other readings one would expect about %(expected)s."
    ) % {
        "now": value_of(reader, evidence, "now"),
        "expected": value_of(reader, evidence, "suggested_by_others"),
    }


def _rhythm(reader: Reader, evidence: Mapping[str, Any]) -> str:
    if "on_days" in evidence:
        return translations(reader.language).gettext(
            "On some days of the week (%(days)s) it is no longer as it was on them: it moves by %(now)s in a day,"
            " usually by %(usual)s."
        ) % {
            "days": weekdays(reader, str(evidence["on_days"])),
            "now": value_of(reader, evidence, "swing_now"),
            "usual": value_of(reader, evidence, "swing_usual"),
        }
    return translations(reader.language).gettext(
        "For days it has not gone up and down as usual: it moves by %(now)s in a day, usually by %(usual)s."
    ) % {
        "now": value_of(reader, evidence, "swing_now"),
        "usual": value_of(reader, evidence, "swing_usual"),
    }


def _unlike_peers(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "It is at about %(now)s; on %(peers)s devices like this one it is usually at about %(usual)s."
    ) % {
        "now": value_of(reader, evidence, "now"),
        "usual": value_of(reader, evidence, "peers_usual"),
        "peers": number(reader, float(evidence["peers"])),
    }


def _silence(reader: Reader, evidence: Mapping[str, Any]) -> str:
    if "devices_behind" in evidence:
        return translations(reader.language).gettext(
            "Devices behind this gateway that are not heard either: %(number)s."
        ) % {"number": number(reader, float(evidence["devices_behind"]))}
    return translations(reader.language).gettext(
        "Usually something arrives every %(interval)s."
    ) % {"interval": duration(reader, float(evidence["usual_interval_s"]))}


def _spike(reader: Reader, evidence: Mapping[str, Any]) -> str:
    return translations(reader.language).gettext(
        "It jumped several times, last to %(value)s: far outside anything seen before."
    ) % {"value": value_of(reader, evidence, "value")}


def _life(reader: Reader, evidence: Mapping[str, Any]) -> str:
    gettext = translations(reader.language).gettext
    if "remaining_days" in evidence:
        return gettext(
            "As others wore out, it has about %(left)s left; in eight of ten cases between %(low)s and "
            "%(high)s."
        ) % {
            "left": duration(reader, float(evidence["remaining_days"]) * DAY_S),
            "low": duration(reader, float(evidence["low_days"]) * DAY_S),
            "high": duration(reader, float(evidence["high_days"]) * DAY_S),
        }
    return gettext("The probability that it fails within %(time)s is %(share)s.") % {
        "time": duration(reader, float(evidence["horizon_days"]) * DAY_S),
        "share": about(reader, float(evidence["probability"]), "/"),
    }


_EXPLANATIONS: dict[str, Callable[[Reader, Mapping[str, Any]], str]] = {
    "level_shift": level,
    "drift": drift,
    "deviation": deviation,
    "variance": _variance,
    "stuck": _stuck,
    "out_of_range": _out_of_range,
    "silence": _silence,
    "flapping": _times,
    "reboot_loop": _times,
    "counter_reset": _counter_reset,
    "event_rate": _event_rate,
    "relation": _relation,
    "rhythm": _rhythm,
    "unlike_peers": _unlike_peers,
    "spike": _spike,
    "life": _life,
}
