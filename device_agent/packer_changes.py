"""Report on change: readings within a dead-band of the last one sent are held back, up to a heartbeat.

When a value leaves its band, the last reading held back goes out before it, so that the server sees a
step as a step and not as a slope over the whole quiet time. Nothing is re-stamped.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from device_agent.delivery_settings import ChangeSettings
from device_agent.sampler import Reading


@dataclass(slots=True)
class _Sent:
    """What was last sent of a metric, and when (monotonic seconds)."""

    reading: Reading
    at_s: float
    held: Reading | None = None


class ChangeFilter:
    """Passes on what is worth sending; without rules, everything."""

    def __init__(
        self, rules: tuple[ChangeSettings, ...], *, monotonic: Callable[[], float]
    ) -> None:
        self._rules = rules
        self._monotonic = monotonic
        self._rule_of: dict[str, ChangeSettings | None] = {}
        self._sent: dict[str, _Sent] = {}

    def pass_on(self, readings: Iterable[Reading]) -> Iterable[Reading]:
        """Give the readings to send, each metric's in its order."""
        if not self._rules:
            return readings
        return [kept for reading in readings for kept in self._judge(reading)]

    def _judge(self, reading: Reading) -> list[Reading]:
        if reading.name not in self._rule_of:
            fits = (rule for rule in self._rules if fnmatchcase(reading.name, rule.metrics))
            self._rule_of[reading.name] = next(fits, None)
        rule = self._rule_of[reading.name]
        if rule is None:
            return [reading]
        now_s = self._monotonic()
        before = self._sent.get(reading.name)
        changed = before is None or _differ(before.reading, reading, rule.dead_band)
        if before is not None and not changed and now_s - before.at_s < rule.heartbeat_s:
            before.held = reading
            return []
        self._sent[reading.name] = _Sent(reading, now_s)
        if changed and before is not None and before.held is not None:
            return [before.held, reading]
        return [reading]


def _differ(before: Reading, now: Reading, dead_band: float) -> bool:
    was, value = before.value, now.value
    if before.unit != now.unit or type(was) is not type(value):
        return True
    if isinstance(was, float) and isinstance(value, float):
        return abs(value - was) > dead_band
    return was != value
