"""What is open now: the kernel's events in, findings opened, worse or ended out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from anomaly.finding import Finding
from anomaly.registry import Registry
from anomaly.state import COUNTER, Table
from anomaly.wording import DEVICE, MOTION, RESTART, RUN, word, word_whole

Key = tuple[int, int]
"""(series, code), or (-1 - device, code) for what concerns a device as a whole."""

_OPENED, _WORSE, _ENDED = 1, 2, 3


class OpenFindings(dict[Key, Finding]):
    """Open findings by what they are about."""

    def take(self, event: Table, names: Registry) -> list[Finding]:
        """Turn one event into what the caller hears."""
        series, code, what = int(event[0]), int(event[1]), int(event[2])
        device, metric, unit = names.name(series)
        at_s = float(event[3])
        if code == RESTART:
            return self.end_where(lambda key: key[0] == series, at_s)
        if code in {DEVICE, MOTION, RUN}:
            return self._take_whole(event, names, device, code)
        if what == _ENDED:
            return self.end_where(lambda key: key == (series, code), at_s)
        counted = bool(names.rows[series, COUNTER] > 0.0)
        known = self.get((series, code)) if what == _WORSE else None
        if what == _WORSE and known is None:
            return []
        finding = word(device, metric, unit, event, counted=counted, known=known)
        if known is not None:
            # It stays the same problem since the same time; what is said of it is what is so now.
            finding = replace(
                finding,
                detected_s=known.detected_s,
                severity=max(known.severity, finding.severity),
                confidence=max(known.confidence, finding.confidence),
            )
        self[series, code] = finding
        return [finding]

    def _take_whole(self, event: Table, names: Registry, device: str, code: int) -> list[Finding]:
        """An event of a device as a whole, with the series that took most part in it."""
        key = (-1 - names.device(device), code)
        if int(event[2]) == _ENDED:
            return self.end_where(lambda other: other == key, float(event[3]))
        places = (*event[5:9], event[10])
        metrics = tuple(names.name(int(at))[1] for at in places if at >= 0.0)
        self[key] = word_whole(device, metrics, event)
        return [self[key]]

    def end_where(self, wanted: Callable[[Key], bool], at_s: float) -> list[Finding]:
        """End and give out those whose key is wanted."""
        ended = []
        for key in [key for key in self if wanted(key)]:
            finding = self.pop(key)
            ended.append(replace(finding, ended_s=max(at_s, finding.onset_s)))
        return ended
