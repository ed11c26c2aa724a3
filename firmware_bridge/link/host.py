"""The host's end of the link: a `Protocol`. Rules and figures are in docs/link-protocol.md; this is their order.

Every frame first moves the state (`states.TABLE`), then is handled by its type. Timers hold when something began, not
when it is due, so that a stepped clock at worst fires one early.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from firmware_bridge.errors import CommandRefused
from firmware_bridge.framing.tally import Tally
from firmware_bridge.link import bodies
from firmware_bridge.link.clock import ClockMap
from firmware_bridge.link.commands import Commands
from firmware_bridge.link.inbox import Inbox
from firmware_bridge.link.settings import LinkSettings
from firmware_bridge.link.states import TABLE, TIMERS, Action, State, Trigger
from firmware_bridge.link.table import MetricTable
from firmware_bridge.link.wire import Frame, FrameReader, FrameWriter, Type
from firmware_bridge.messages.events import Event, LinkDown, LinkUp, McuReset, Outcome
from firmware_bridge.messages.naming import clean_text

VERSIONS: Final = (1, 1)
TABLE_KNOWN: Final = 1
NEVER: Final = float("-inf")
_HELLO: Final = int(Type.HELLO)


class HostLink:
    """One conversation with one microcontroller that speaks our link."""

    def __init__(self, settings: LinkSettings | None = None) -> None:
        self.state = State.SEEKING
        self.round_trip_s: float | None = None
        self._settings = settings or LinkSettings()
        self._tally = Tally()
        self._reader = FrameReader(self._tally)
        self._writer = FrameWriter()
        self._table = MetricTable()
        self._commands = Commands(self._settings, self._tally)
        self._inbox = Inbox(self._table, self._commands, self._tally, self._send)
        self._hello: bodies.Hello | None = None
        self._out: deque[bytes] = deque()
        self._expected_seq: int | None = None
        self._since: dict[Trigger, float] = {}
        self._heard_s = self._wrote_s = self._pinged_s = self._described_s = NEVER
        self._token = 0

    @property
    def tally(self) -> Tally:
        """Running totals."""
        return self._tally

    @property
    def wake_s(self) -> float:
        """When to be called next."""
        if self._out:
            return self._wrote_s + self._gap_s
        if self.state is State.SEEKING:
            return self._since.get(Trigger.WHO_DUE, NEVER) + self._settings.who_every_s
        if self.state is State.GREETED:
            return self._since[Trigger.GREETING_EXPIRED] + self._settings.greeting_s
        silence = self._heard_s + self._silence_s
        if self._one_way:
            return silence
        describe = float("inf") if self._table.complete else self._described_s
        return min(
            silence,
            self._pinged_s + self._settings.ping_every_s,
            self._commands.wake_s,
            describe + self._settings.describe_every_s,
        )

    def receive(self, data: bytes, at_s: float) -> list[Event]:
        """Take in bytes."""
        events: list[Event] = []
        for frame in self._reader.feed(data):
            self._count(frame)
            if frame.type == _HELLO:
                events += self._greet(frame.body, at_s)
                continue
            handler = self._inbox.handlers.get(frame.type)
            if handler is None:
                self._tally.unknown += 1
                continue
            if self.state is State.SEEKING:
                self._tally.unknown += 1  # not greeted: nobody knows yet what it means
                continue
            try:
                answer = handler(frame.body, at_s)
            except bodies.Malformed:
                self._bad(frame.body)
                continue
            if self.state is State.RUNNING:  # the same as the table says, on the hot path
                self._heard_s = at_s
            else:  # that the link is up is reported before what the frame says
                events += self._move(Trigger.FRAME, at_s)
            events += answer
            self._tally.frames += 1
            if self.round_trip_s is None and self._inbox.ponged == self._token:
                self.round_trip_s = at_s - self._pinged_s
        return events

    def tick(self, now_s: float) -> list[Event]:
        """Run timers."""
        events: list[Event] = []
        for trigger in TIMERS[self.state]:
            since_s = (
                self._heard_s if trigger is Trigger.SILENCE else self._since.get(trigger, NEVER)
            )
            if self._passed(since_s, self._timer_s(trigger), now_s):
                events += self._move(trigger, now_s)
        if self.state is State.RUNNING and not self._one_way:
            body, ended = self._commands.due(now_s)
            if ended is not None:
                events.append(ended)
            if body is not None:
                self._send(Type.COMMAND, body)
            if self._passed(self._pinged_s, self._settings.ping_every_s, now_s):
                self._ping(now_s)
            missing = self._table.missing()
            if missing is not None and self._passed(
                self._described_s, self._settings.describe_every_s, now_s
            ):
                self._described_s = now_s
                self._send(Type.DESCRIBE, bytes((missing,)))
        return events

    def take_outgoing(self, now_s: float) -> bytes:
        """Return one frame, unless the microcontroller still needs its pause after the last one."""
        if not self._out or not self._passed(self._wrote_s, self._gap_s, now_s):
            return b""
        self._wrote_s = now_s
        return self._out.popleft()

    def command(self, key: str, name: str, arguments: Sequence[int | str]) -> None:
        """Queue a command; raises CommandRefused when it can't be one, or nobody is there to take it."""
        if self.state is not State.RUNNING or self._hello is None:
            raise CommandRefused("the link is down")
        if self._one_way:
            raise CommandRefused("this microcontroller only sends")
        self._commands.add(key, name, arguments, self._hello.rx_max)

    def reopened(self, now_s: float) -> list[Event]:
        """Begin a new conversation on a port that was lost."""
        self._reader.forget()
        self._out.clear()
        self._expected_seq = None
        return self._move(Trigger.REOPENED, now_s)

    @property
    def clock(self) -> ClockMap:
        """How the microcontroller's clock maps to UTC."""
        return self._inbox.clock

    @property
    def mcu_dropped(self) -> int:
        """Samples that the microcontroller dropped itself, as it said last."""
        return self._inbox.mcu_dropped

    @property
    def _one_way(self) -> bool:
        return self._hello is not None and bool(self._hello.flags & bodies.HelloFlag.ONE_WAY)

    @property
    def _gap_s(self) -> float:
        return self._hello.rx_gap_ms / 1000.0 if self._hello else 0.0

    @property
    def _silence_s(self) -> float:
        return self._settings.one_way_silence_s if self._one_way else self._settings.silence_s

    def _timer_s(self, trigger: Trigger) -> float:
        if trigger is Trigger.WHO_DUE:
            return self._settings.who_every_s
        return self._settings.greeting_s if trigger is Trigger.GREETING_EXPIRED else self._silence_s

    @staticmethod
    def _passed(since_s: float, wait_s: float, now_s: float) -> bool:
        return not since_s <= now_s < since_s + wait_s

    @property
    def _version(self) -> int:
        return min(self._hello.version_max, VERSIONS[1]) if self._hello else VERSIONS[1]

    def _greet(self, body: bytes, at_s: float) -> list[Event]:
        try:
            hello = bodies.decode_hello(body)
        except bodies.Malformed:
            self._bad(body)
            return []
        self._tally.frames += 1
        clock = self._inbox.clock
        one_way = bool(hello.flags & bodies.HelloFlag.ONE_WAY)
        fresh = bool(hello.flags & bodies.HelloFlag.FRESH)
        events: list[Event] = []
        repeat = (one_way or self.state is State.GREETED) and clock.continues(hello.clock, at_s)
        if fresh and not repeat:
            ran_s = None if clock.last_ms is None else clock.last_ms / 1000.0
            reasons = bodies.RESET_REASONS
            reason = reasons[hello.reset] if hello.reset < len(reasons) else reasons[0]
            self._inbox.new_run()
            clock = self._inbox.clock
            events += [McuReset(at_s, reason, ran_s)]
            events += self._commands.abandon(at_s, Outcome.LOST_IN_RESET)
        else:
            # It forgets the number at WELCOME: a repeat would run the command again.
            events += self._commands.abandon(at_s, Outcome.NO_ANSWER)
        clock.observe(clock.unwrap(hello.clock, at_s), at_s)
        self._hello = hello
        if hello.version_min > VERSIONS[1] or hello.version_max < VERSIONS[0]:
            return [*events, *self._move(Trigger.ALIEN_HELLO, at_s)]
        if one_way:
            self._table.expect(hello.metrics, hello.table_crc)
            return [*events, *self._move(Trigger.ONE_WAY_HELLO, at_s)]
        return [*events, *self._move(Trigger.HELLO, at_s)]

    def _bad(self, body: bytes) -> None:
        self._tally.bad += 1
        self._tally.dropped_bytes += len(body)

    def _ping(self, now_s: float) -> None:
        self._pinged_s = now_s
        self._token = (self._token + 1) & 0xFF
        self.round_trip_s = self._inbox.ponged = None
        self._send(Type.PING, bytes((self._token,)))

    def _send(self, kind: Type, body: bytes = b"") -> None:
        zero = b"\0" if kind in {Type.WHO, Type.COMMAND} else b""
        self._out.append(zero + self._writer.frame(kind, body))

    def _count(self, frame: Frame) -> None:
        seq = frame.seq
        if seq != self._expected_seq and self._expected_seq is not None:
            fresh = frame.type == _HELLO and frame.body[2:3] > b"\0" and frame.body[2] & 1
            if not fresh:
                self._tally.lost += (seq - self._expected_seq) & 0xFF
        self._expected_seq = (seq + 1) & 0xFF

    def _move(self, trigger: Trigger, now_s: float) -> list[Event]:
        action, following = TABLE[self.state, trigger]
        self._heard_s = now_s
        if trigger is Trigger.WHO_DUE or following is not self.state:
            self._since[Trigger.WHO_DUE] = now_s
        if following is State.GREETED:
            self._since[Trigger.GREETING_EXPIRED] = now_s
        self.state = following
        return self._act(action, now_s)

    def _act(self, action: Action, now_s: float) -> list[Event]:
        hello = self._hello
        match action:
            case Action.SEND_WHO:
                self._send(Type.WHO)
            case Action.SEND_WELCOME:
                assert hello is not None
                known = self._table.expect(hello.metrics, hello.table_crc)
                self._described_s = now_s + self._settings.describe_after_s
                self._send(Type.WELCOME, bytes((self._version, TABLE_KNOWN if known else 0)))
                self._ping(now_s)  # its answer shows that the WELCOME arrived
            case Action.REPORT_UP:
                assert hello is not None
                model, firmware = clean_text(hello.model), clean_text(hello.firmware)
                return [LinkUp(now_s, model, firmware, self._version)]
            case Action.REPORT_ALIEN:
                assert hello is not None
                spoken = f"{hello.version_min} to {hello.version_max}"
                return self._down(
                    now_s, f"it speaks versions {spoken} of the link, not {VERSIONS[1]}"
                )
            case Action.REPORT_SILENCE:
                return self._down(now_s, "nothing understandable arrives")
            case Action.REPORT_CLOSED:
                return self._down(now_s, "the port was reopened")
            case Action.NOTHING:
                pass
        return []

    def _down(self, now_s: float, reason: str) -> list[Event]:
        return [LinkDown(now_s, reason), *self._commands.abandon(now_s, Outcome.NO_ANSWER)]
