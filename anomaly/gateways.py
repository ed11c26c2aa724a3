"""A gateway that falls silent takes its devices along: one finding on the gateway, none on them.

A device that is due to be called silent waits while nobody else of its gateway's group (the gateway and
what is behind it) has been heard since. Is another heard, the device is silent by itself; are all due, it
is the gateway. What is behind a gateway that is silent already is not told again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anomaly import state as col
from anomaly.finding import Finding, finding_id
from anomaly.open_findings import OpenFindings
from anomaly.registry import Registry
from anomaly.sentences import gateway_sentence
from anomaly.silence import silence_finding
from anomaly.wording import DEVICE

GATEWAY = 103
"""Code of its open finding, beside those of the kernel's events."""


def silences(
    opened: OpenFindings, names: Registry, due: Mapping[int, float], behind: Mapping[str, str],
    interval_of: Callable[[int], float], now_s: float,
) -> list[Finding]:  # fmt: skip
    """Findings on what is `due` (device index → its usual interval in seconds) as of `now_s`.

    behind : device → its gateway
    interval_of : the usual interval of any device, in seconds
    """
    found, groups = _ended(opened, names, behind, now_s), _groups(names, behind)
    for index, interval_s in due.items():
        group = groups.get(index)
        if names.devices[index, col.D_SILENT] != 0.0:
            continue  # told with its gateway in this very call
        if group is None or _heard_elsewhere(names, group, index, interval_s):
            finding = silence_finding(
                names.devices[index], names.device_names[index], interval_s, now_s
            )
            opened[-1 - index, DEVICE] = finding
            found.append(finding)
        elif (-1 - group[0], GATEWAY) in opened:
            names.devices[index, col.D_SILENT] = 1.0
        elif all(member in due for member in _quick(group[1:], interval_of)):
            found.append(_gateway_finding(opened, names, group, now_s))
    return found


def _groups(names: Registry, behind: Mapping[str, str]) -> dict[int, list[int]]:
    """Device index → [its gateway, then all that are live behind it]; only where they are two or more."""
    members: dict[int, list[int]] = {}
    for device, its in sorted(behind.items()):
        if names.has(device):
            members.setdefault(names.device(its), []).append(names.device(device))
    groups: dict[int, list[int]] = {}
    for gateway, devices in members.items():
        live = [index for index in (*devices, gateway) if _live(names, index)]
        if len(live) > 1:
            groups |= {index: [gateway, *live] for index in live}
    return groups


def _quick(members: list[int], interval_of: Callable[[int], float]) -> list[int]:
    """Those heard about as often as the most frequent: nobody waits for one that speaks once a day."""
    interval_s = {member: interval_of(member) for member in members}
    return [member for member in members if interval_s[member] <= 4.0 * min(interval_s.values())]


def _live(names: Registry, index: int) -> bool:
    device = names.devices[index]
    return bool(device[col.D_LIVE] != 0.0 and device[col.D_LINK] != col.LINK_SHUTDOWN)


def _heard_elsewhere(names: Registry, group: list[int], index: int, interval_s: float) -> bool:
    """Whether another of the group was heard well after this one."""
    last_s = names.devices[index, col.D_ARRIVED] + 3.0 * interval_s
    return any(names.devices[member, col.D_ARRIVED] > last_s for member in group if member != index)


def _gateway_finding(
    opened: OpenFindings, names: Registry, group: list[int], now_s: float
) -> Finding:
    gateway, members = group[0], group[1:]
    onset_s = float(max(names.devices[member, col.D_LAST_T] for member in members))
    for member in members:
        names.devices[member, col.D_SILENT] = 1.0
        names.devices[member, col.D_SILENT_T] = names.devices[member, col.D_LAST_T]
    name = names.device_names[gateway]
    others = sum(member != gateway for member in members)
    finding = Finding(
        id=finding_id(name, "silence", (), onset_s),
        kind="silence",
        device=name,
        metrics=(),
        onset_s=onset_s,
        detected_s=now_s,
        ended_s=None,
        confidence=0.95,
        severity=0.85,
        evidence={
            "silent_for_s": round(now_s - onset_s, 3),
            "devices_behind": others,
            "compared_to": "its own usual interval",
        },
        sentence=gateway_sentence(others, onset_s, now_s),
    )
    opened[-1 - gateway, GATEWAY] = finding
    return finding


def _ended(
    opened: OpenFindings, names: Registry, behind: Mapping[str, str], now_s: float
) -> list[Finding]:
    """The gateway's silence is over with the first word from it or from behind it."""
    over = set()
    for key in [key for key in opened if key[1] == GATEWAY]:
        gateway = names.device_names[-1 - key[0]]
        those = [device for device, its in behind.items() if its == gateway and names.has(device)]
        since_s = opened[key].detected_s
        heard = [names.devices[names.device(name), col.D_ARRIVED] for name in (*those, gateway)]
        if not those or max(heard) > since_s:
            over.add(key)
    return opened.end_where(over.__contains__, now_s)
