"""The fleet's life: two weeks at once, then as it happens."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from server.demo.machine_link import MachineLink
from server.demo.plan import HISTORY_STEP_S, LIVE_STEP_S, Loaded, Plan, Progress

_SLICE_S: Final = 12 * 3600.0
_NOTE_EVERY_S: Final = 30.0


class FleetRun:
    """Plays `links` from the plan's beginning; `clock_s` is the wall clock, `wait` sleeps.

    `wait(seconds)` returns True when the run shall end.
    """

    def __init__(
        self,
        plan: Plan,
        links: Sequence[MachineLink],
        *,
        clock_s: Callable[[], float],
        wait: Callable[[float], bool],
    ) -> None:
        self._plan = plan
        self._links = links
        self._clock_s = clock_s
        self._wait = wait
        self._file = Path(plan.progress_file)
        self._at_s = plan.began_s - plan.history_s

    def load(self, advanced: Callable[[float], None]) -> Loaded:
        """Publish all that lies behind; `advanced` is told the share done. Raises ReplayError."""
        started_s = self._clock_s()
        published_s = self._published_until_s()
        self._silently(published_s)
        begin_s = self._at_s
        while True:
            end_s = self._plan.began_s if self._at_s < self._plan.began_s else self._clock_s()
            if end_s - self._at_s < HISTORY_STEP_S or self._wait(0.0):
                break
            self._slice(min(self._at_s + _SLICE_S, end_s))
            for link in self._links:
                link.flush(self._clock_s())
            self._note()
            advanced((self._at_s - begin_s) / max(self._clock_s() - begin_s, 1.0))
        seconds = self._clock_s() - started_s
        samples, packs = (sum(getattr(k, n) for k in self._links) for n in ("samples", "packs"))
        return Loaded(samples, packs, seconds)

    def live(self) -> None:
        """Publish each reading as it falls due, the machines one after the other; ends by `wait`."""
        offsets_s = [LIVE_STEP_S * k / len(self._links) for k in range(len(self._links))]
        next_s = [self._at_s + offset_s for offset_s in offsets_s]
        noted_s = self._clock_s()
        for k in itertools.cycle(range(len(self._links))):
            if self._wait(max(0.0, next_s[k] - self._clock_s())):
                break
            self._links[k].advance(np.array([next_s[k]]), LIVE_STEP_S)
            self._links[k].flush(next_s[k])
            next_s[k] += LIVE_STEP_S
            self._at_s = min(next_s)
            if self._clock_s() - noted_s >= _NOTE_EVERY_S:
                self._note()
                noted_s = self._clock_s()

    def end(self) -> None:
        """Every machine says goodbye; raises ReplayError when the broker is gone already."""
        for link in self._links:
            link.leave(self._clock_s())
        self._note()

    def _silently(self, until_s: float) -> None:
        """Up to `until_s` everything was published by an earlier run: only the models move on."""
        if until_s > self._at_s:
            self._slice(until_s)
            for link in self._links:
                link.forget()

    def _slice(self, end_s: float) -> None:
        times_s = np.arange(self._at_s, end_s, HISTORY_STEP_S)
        for link in self._links:
            link.advance(times_s, HISTORY_STEP_S)
        self._at_s = float(times_s[-1]) + HISTORY_STEP_S

    def _published_until_s(self) -> float:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Progress).published_until_s
        except FileNotFoundError:
            return self._at_s

    def _note(self) -> None:
        """Everything up to now is with the broker: a later run goes on from here."""
        for link in self._links:
            link.drain()
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(Progress(self._at_s)))
        fresh.replace(self._file)
