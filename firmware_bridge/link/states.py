"""The host's side of the conversation as a table: section 3 of docs/link-protocol.md."""

from enum import Enum, auto
from typing import Final, NamedTuple


class State(Enum):
    """Where the conversation is."""

    SEEKING = "seeking"
    GREETED = "greeted"
    RUNNING = "running"


class Trigger(Enum):
    """What can happen to it."""

    HELLO = auto()
    ONE_WAY_HELLO = auto()
    ALIEN_HELLO = auto()
    FRAME = auto()
    WHO_DUE = auto()
    GREETING_EXPIRED = auto()
    SILENCE = auto()
    REOPENED = auto()


class Action(Enum):
    """What the host then does."""

    NOTHING = auto()
    SEND_WHO = auto()
    SEND_WELCOME = auto()
    REPORT_ALIEN = auto()
    REPORT_UP = auto()
    REPORT_SILENCE = auto()
    REPORT_CLOSED = auto()


class Step(NamedTuple):
    """One cell of the table."""

    action: Action
    next: State


_S, _T, _A = State, Trigger, Action

TABLE: Final[dict[tuple[State, Trigger], Step]] = {
    (_S.SEEKING, _T.WHO_DUE): Step(_A.SEND_WHO, _S.SEEKING),
    (_S.SEEKING, _T.HELLO): Step(_A.SEND_WELCOME, _S.GREETED),
    (_S.SEEKING, _T.ONE_WAY_HELLO): Step(_A.REPORT_UP, _S.RUNNING),
    (_S.SEEKING, _T.ALIEN_HELLO): Step(_A.REPORT_ALIEN, _S.SEEKING),
    (_S.SEEKING, _T.FRAME): Step(_A.NOTHING, _S.SEEKING),
    (_S.SEEKING, _T.REOPENED): Step(_A.NOTHING, _S.SEEKING),
    (_S.GREETED, _T.HELLO): Step(_A.SEND_WELCOME, _S.GREETED),
    (_S.GREETED, _T.ONE_WAY_HELLO): Step(_A.REPORT_UP, _S.RUNNING),
    (_S.GREETED, _T.ALIEN_HELLO): Step(_A.REPORT_ALIEN, _S.SEEKING),
    (_S.GREETED, _T.FRAME): Step(_A.REPORT_UP, _S.RUNNING),
    (_S.GREETED, _T.GREETING_EXPIRED): Step(_A.NOTHING, _S.SEEKING),
    (_S.GREETED, _T.REOPENED): Step(_A.NOTHING, _S.SEEKING),
    (_S.RUNNING, _T.HELLO): Step(_A.SEND_WELCOME, _S.GREETED),
    (_S.RUNNING, _T.ONE_WAY_HELLO): Step(_A.NOTHING, _S.RUNNING),
    (_S.RUNNING, _T.ALIEN_HELLO): Step(_A.REPORT_ALIEN, _S.SEEKING),
    (_S.RUNNING, _T.FRAME): Step(_A.NOTHING, _S.RUNNING),
    (_S.RUNNING, _T.SILENCE): Step(_A.REPORT_SILENCE, _S.SEEKING),
    (_S.RUNNING, _T.REOPENED): Step(_A.REPORT_CLOSED, _S.SEEKING),
}

TIMERS: Final = {
    State.SEEKING: (Trigger.WHO_DUE,),
    State.GREETED: (Trigger.GREETING_EXPIRED,),
    State.RUNNING: (Trigger.SILENCE,),
}
"""Which timers run in which state."""
