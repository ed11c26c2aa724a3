"""One command, as data: its name, what it takes, and the function that does it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from device_agent.wire.schema import Scalar
from device_agent.wire.text import clean

Fields = dict[str, Scalar]

_KINDS: Final = {"number": "a number", "whole": "a whole number", "text": "a text", "flag": "true or false"}  # fmt: skip


class ArgumentError(ValueError):
    """A command's arguments are not what it takes; its text goes back to the server."""


@dataclass(frozen=True, slots=True)
class Then:
    """An answer, and what is done once the answer is safe: what might end the agent itself."""

    output: Fields
    act: Callable[[], None]


Handler = Callable[[Fields], Fields | Then]


@dataclass(frozen=True, slots=True)
class Argument:
    """What one argument may be; ``low`` to ``high`` bounds a number, or the length of a text."""

    name: str
    kind: Literal["number", "whole", "text", "flag"]
    is_required: bool = False
    low: float = 0.0
    high: float = 200.0
    choices: tuple[str, ...] = ()

    def fault(self, given: Scalar) -> str:
        """Say what is wrong with a value; empty if nothing is."""
        is_number = isinstance(given, int | float) and not isinstance(given, bool)
        fits = {
            "number": is_number,
            "whole": is_number and isinstance(given, int),
            "text": isinstance(given, str),
            "flag": isinstance(given, bool),
        }
        if not fits[self.kind]:
            return f"{self.name} must be {_KINDS[self.kind]}"
        if self.choices and given not in self.choices:
            return f"{self.name} must be {' or '.join(self.choices)}"
        size = len(given) if isinstance(given, str) else given
        if self.kind != "flag" and not (size is not None and self.low <= size <= self.high):
            what = "a text of" if self.kind == "text" else "from"
            return f"{self.name} must be {what} {self.low:g} to {self.high:g}"
        return ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A command that this agent knows; whether it may be used is the configuration's word.

    ``run`` gets the checked arguments, those not given left out. It is called on the commands' own
    thread, one at a time, and must come to an end by itself. It raises ArgumentError (refused) or
    anything else (failed).
    """

    name: str
    arguments: tuple[Argument, ...]
    run: Handler

    def check(self, given: Fields) -> Fields:
        """Give the arguments unchanged; raises ArgumentError with everything that is wrong."""
        known = {argument.name: argument for argument in self.arguments}
        faults = [f"there is no {clean(name, 40)}" for name in given if name not in known]
        for name, argument in known.items():
            if name in given:
                faults.append(argument.fault(given[name]))
            elif argument.is_required:
                faults.append(f"{name} is required")
        if said := "; ".join(filter(None, faults[:10])):
            raise ArgumentError(f"{said} (takes: {', '.join(known) or 'nothing'})")
        return given
