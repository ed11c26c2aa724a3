"""Life-cycles as tables: one row per (state, action), and nothing happens that has no row.

The same table drives the program and draws the diagram in the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from field_service.errors import TransitionRefused

S = TypeVar("S", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)


@dataclass(frozen=True)
class LifeCycle(Generic[S, A]):
    """`table` maps (state, action) to the next state; a state without a row is final."""

    subject: str
    initial: S
    table: Mapping[tuple[S, A], S]
    final: frozenset[S] = field(init=False)

    def __post_init__(self) -> None:
        left = {state for state, _ in self.table}
        object.__setattr__(self, "final", frozenset(type(self.initial)) - left)

    def after(self, state: S, action: A) -> S:
        """The state that `action` leads to; raises TransitionRefused where the table has no row."""
        try:
            return self.table[state, action]
        except KeyError:
            raise TransitionRefused(self.subject, state, action, self.actions(state)) from None

    def actions(self, state: S) -> tuple[A, ...]:
        """What may be done in `state`, in the order of the table."""
        return tuple(action for from_state, action in self.table if from_state == state)

    def action_to(self, state: S, target: S) -> A:
        """The action that leads from `state` to `target`; raises TransitionRefused if there is none."""
        for (from_state, action), to_state in self.table.items():
            if from_state == state and to_state == target:
                return action
        raise TransitionRefused(self.subject, state, f"become {target}", self.actions(state))

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [
            f"    {from_state} --> {to_state}: {action}"
            for (from_state, action), to_state in self.table.items()
        ]
        lines += [f"    {state} --> [*]" for state in type(self.initial) if state in self.final]
        return "\n".join(lines)
