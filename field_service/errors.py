"""The library's one error tree.

FieldServiceError
├── TransitionRefused   the present state does not allow this action; says which ones it allows
├── VerdictRefused      a verdict is missing or incomplete; says which field
└── RuleRefused         a table of rules has a row that can't be used; says which row and why
"""

from __future__ import annotations

from collections.abc import Iterable


class FieldServiceError(ValueError):
    """Root of the tree; raise a leaf."""


class TransitionRefused(FieldServiceError):
    def __init__(self, subject: str, state: str, action: str, allowed: Iterable[str]) -> None:
        self.state = state
        self.action = action
        self.allowed = tuple(allowed)
        possible = ", ".join(self.allowed) or "nothing"
        super().__init__(f"a {subject} that is {state} can't {action}; possible: {possible}")


class VerdictRefused(FieldServiceError):
    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class RuleRefused(FieldServiceError):
    pass
