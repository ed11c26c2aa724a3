"""The microcontroller's milliseconds → UTC: unwrapped, late arrivals ignored, drift estimated.

Theory of operation: ``arrival - mcu`` is the true offset plus a delay that is never negative. So of each window
the smallest one counts. A straight line through the smallest ones of the last windows gives the drift of
the crystal; it is then lowered to touch the smallest of all. A step of the host's clock shows as an offset
far away from the line: below it at once, above it when a whole window stays there; then everything is forgotten.
"""

from collections import deque
from typing import Final

WRAP_MS: Final = 1 << 32
HALF_MS: Final = WRAP_MS // 2
WINDOW_S: Final = 30.0
WINDOWS: Final = 40
MIN_WINDOWS: Final = 4
STEP_S: Final = 2.0
RUN_SLACK_S: Final = 10.0
MAX_DRIFT: Final = 0.02
"""Ceramic resonators are within 0.5 %, RC oscillators within 2 %."""


class ClockMap:
    """Maps one run of a microcontroller (from reset to reset)."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self._offset_s = 0.0
        self._drift = 0.0
        self._at_s = 0.0
        self._lows: deque[tuple[float, float]] = deque(maxlen=WINDOWS)
        self._low: tuple[float, float] | None = None
        self._window_from_s = 0.0

    @property
    def drift_ppm(self) -> float:
        """How much slower than UTC the microcontroller's clock goes, in parts per million."""
        return self._drift * 1e6

    @property
    def last_ms(self) -> int | None:
        """Newest unwrapped time that was observed."""
        return None if self._last is None else self._last[0]

    def unwrap(self, clock: int, arrived_s: float) -> int:
        """Return the 32-bit ``clock`` as ms since reset, nearest to what this host's clock expects."""
        if self._last is None:
            return clock
        last_ms, last_s = self._last
        ahead = last_ms + (arrived_s - last_s) * 1000.0 - clock
        if ahead < HALF_MS:
            return clock
        return clock + round(ahead / WRAP_MS) * WRAP_MS

    def continues(self, clock: int, arrived_s: float) -> bool:
        """Whether ``clock`` can belong to the run that was observed last, or says that there was a reset."""
        if self._last is None:
            return False
        last_ms, last_s = self._last
        passed_s = ((clock - last_ms) % WRAP_MS) / 1000.0
        return abs(passed_s - (arrived_s - last_s)) < RUN_SLACK_S + MAX_DRIFT * passed_s

    def observe(self, ms: int, arrived_s: float) -> None:
        """Learn that ``ms`` (unwrapped) had passed when a frame arrived."""
        mcu_s = ms / 1000.0
        offset_s = arrived_s - mcu_s
        if self._last is None:
            self._begin(mcu_s, offset_s)
        elif ms < self._last[0]:
            return
        self._last = (ms, arrived_s)
        residual_s = offset_s - self._predicted(mcu_s)
        if residual_s < -STEP_S:
            self._begin(mcu_s, offset_s)
        elif self._low is None or offset_s < self._low[1]:
            self._low = (mcu_s, offset_s)
            if not self._lows:  # the first window has nothing better yet
                self._offset_s, self._at_s = offset_s, mcu_s
        if mcu_s - self._window_from_s >= WINDOW_S:
            self._close_window(mcu_s)

    def line(self) -> tuple[float, float]:
        """Return a, b so that UTC in seconds is ``a + b * ms``."""
        b = (1.0 + self._drift) / 1000.0
        return self._offset_s - self._drift * self._at_s, b

    def utc_s(self, ms: int) -> float:
        """Return when an unwrapped ``ms`` was, in unix seconds."""
        a, b = self.line()
        return a + b * ms

    def _predicted(self, mcu_s: float) -> float:
        return self._offset_s + self._drift * (mcu_s - self._at_s)

    def _begin(self, mcu_s: float, offset_s: float) -> None:
        self._lows.clear()
        self._low = (mcu_s, offset_s)
        self._offset_s, self._at_s, self._drift = offset_s, mcu_s, 0.0
        self._window_from_s = mcu_s

    def _close_window(self, mcu_s: float) -> None:
        low, self._low = self._low, None
        self._window_from_s = mcu_s
        if low is None:
            return
        if low[1] - self._predicted(low[0]) > STEP_S:
            self._begin(*low)
        self._lows.append(low)
        if len(self._lows) >= MIN_WINDOWS:
            self._drift = max(-MAX_DRIFT, min(MAX_DRIFT, _slope(self._lows)))
        self._at_s = low[0]
        self._offset_s = min(o - self._drift * (x - self._at_s) for x, o in self._lows)


def _slope(points: deque[tuple[float, float]]) -> float:
    """Slope of the least-squares line through points with different x."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
