"""Lines of a GPIO chip: the port to them, and the kernel's character device behind it.

The library is loaded when a line is first asked for, so that an agent without lines, or without the
library, does not notice.
"""

import importlib
from datetime import timedelta
from typing import Any, Final, Protocol

from device_agent.errors import SensorError

CONSUMER: Final = "forewarn-agent"


class InputLine(Protocol):
    """One line that is listened to; used by one thread at a time."""

    def is_active(self) -> bool:
        """Tell the level, debounced."""
        ...

    def pulses(self) -> int:
        """Give the number of times the line became active since it was asked for."""
        ...


class OutputLine(Protocol):
    """One line that is driven; inactive when asked for."""

    def set_active(self, active: bool) -> None:
        """Drive the line."""
        ...

    def release(self) -> None:
        """Give the line back."""
        ...


def load_gpiod() -> Any:
    """Give the library; raises SensorError that says how to get it."""
    try:
        return importlib.import_module("gpiod")
    except ImportError:
        raise SensorError("gpiod is not installed: pip install 'forewarn[gpio]'") from None


def _request(gpiod: Any, chip: str, line: int, settings: Any) -> Any:
    """Ask the kernel for a line; raises SensorError that names it."""
    try:
        return gpiod.request_lines(chip, consumer=CONSUMER, config={line: settings})
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise SensorError(f"line {line} of {chip} can't be had: {said}") from None


class KernelInput:
    """A line of the character device; debounced by the kernel."""

    def __init__(
        self, chip: str, line: int, *, active_low: bool, bias: str, debounce_ms: int, edges: bool
    ) -> None:
        gpiod = load_gpiod()
        names = gpiod.line
        settings = gpiod.LineSettings(
            direction=names.Direction.INPUT,
            edge_detection=names.Edge.RISING if edges else names.Edge.NONE,
            bias=getattr(names.Bias, bias.replace("-", "_").upper()),
            active_low=active_low,
            debounce_period=timedelta(milliseconds=debounce_ms),
        )
        self._line = line
        self._active = names.Value.ACTIVE
        self._seen = 0
        self._request = _request(gpiod, chip, line, settings)

    def is_active(self) -> bool:
        """Tell the level, debounced."""
        return bool(self._request.get_value(self._line) == self._active)

    def pulses(self) -> int:
        """Count by the kernel's own numbers, which go on while its short queue of events overflows."""
        while self._request.wait_edge_events(timedelta()):
            for event in self._request.read_edge_events():
                self._seen = max(self._seen, int(event.line_seqno))
        return self._seen


class KernelOutput:
    """A line of the character device that is driven; the kernel frees it with the process."""

    def __init__(self, chip: str, line: int, *, active_low: bool) -> None:
        gpiod = load_gpiod()
        names = gpiod.line
        settings = gpiod.LineSettings(
            direction=names.Direction.OUTPUT,
            active_low=active_low,
            output_value=names.Value.INACTIVE,
        )
        self._line = line
        self._value = names.Value
        self._request = _request(gpiod, chip, line, settings)

    def set_active(self, active: bool) -> None:
        """Drive the line."""
        self._request.set_value(self._line, self._value.ACTIVE if active else self._value.INACTIVE)

    def release(self) -> None:
        """Give the line back."""
        self._request.release()
