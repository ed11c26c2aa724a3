"""A runner with a ledger, clocks that stand still, and a way to ask."""

import pytest

from device_agent.commands import CommandLedger, CommandRunner
from device_agent.wire import Command, decode_result, encode_command

NOW_S = 1.7e9


class Bench:
    """Runs commands; keeps what was reported."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.now_s = NOW_S
        self.monotonic_s = 0.0
        self.events = []
        self.runner = None

    def offer(self, *offers, allowed=None):
        self.runner = CommandRunner(
            offers,
            {offer.name for offer in offers} if allowed is None else allowed,
            self.ledger,
            now=lambda: self.now_s,
            monotonic=lambda: self.monotonic_s,
            report=self.events.append,
        )
        return self

    def answer(self, name, /, command_id="c1", expires_s=NOW_S + 60, **args):
        return self.runner.run(encode_command(Command(command_id, name, args, expires_s)))

    def ask(self, name, /, command_id="c1", expires_s=NOW_S + 60, **args):
        return decode_result(self.answer(name, command_id, expires_s, **args).payload)


@pytest.fixture
def ledger():
    made = CommandLedger(None)
    yield made
    made.close()


@pytest.fixture
def bench(ledger):
    return Bench(ledger)
