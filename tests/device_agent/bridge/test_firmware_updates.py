"""Firmware updates in the agent: the port lent and taken back, images by hash, events, and going on after a restart."""

import hashlib
import http.server
import threading
import time
from dataclasses import replace
from typing import ClassVar

import pytest

from device_agent.bridge.bridges import Bridges
from device_agent.bridge.flash_offer import flash_offer
from device_agent.bridge.images import Identity, fetch_image
from device_agent.bridge.updates import FirmwareUpdates
from device_agent.commands.offer import ArgumentError
from device_agent.errors import CommandError
from device_agent.serial_settings import FlashSettings, SerialSettings
from firmware_bridge import MemoryLine, PortBusy
from firmware_bridge.errors import FlashFailed, ImageRefused
from firmware_bridge.flash.image import load_image
from firmware_bridge.flash.journal import Entry, Journal
from firmware_bridge.flash.memory import MemoryFlasher, MemoryTarget, memory_image
from firmware_bridge.flash.port import Rollback
from firmware_bridge.flash.states import State
from firmware_bridge.link.bodies import Metric
from firmware_bridge.link.mcu import Firmware, SimulatedMcu

HANG_S = 20.0
OLD, NEW = memory_image("memory-1", "1.0"), memory_image("memory-1", "2.0", 3000)


def until(condition, what="it"):
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


class Chip:
    """A microcontroller whose firmware lies in a `MemoryTarget`: what it greets with is what is active there."""

    def __init__(self, line, target):
        self.line, self.target = line, target
        self.is_dumb = b""
        """An image that says nothing."""
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def live(self):
        self.line.open()
        runs, mcu, began = None, None, 0.0
        while not self.stopped.is_set():
            if self.target.active != runs:
                runs = self.target.active
                version = runs[8:40].split(b"\n")[0].split(b" ")[-1].decode()
                metrics = (Metric(0, 0, 1, -1, 100, 0, 900, "Cel", "temperature"),)
                mcu = SimulatedMcu(Firmware(metrics, {}, model="uno", firmware=version))
                began = time.monotonic()
            data = self.line.read(0.02)
            ms = int((time.monotonic() - began) * 1000)
            if runs == self.is_dumb or self.target.active != runs:
                continue  # what is being replaced says nothing any more: its boot loader runs
            mcu.receive(data, ms)
            mcu.tick(ms)
            mcu.sample(0, ms, 215)
            mcu.flush(ms)
            self.line.write(mcu.take())

    def stop(self):
        self.stopped.set()
        self.thread.join(HANG_S)


class Bench:
    """An agent's bridge with one line, its updates, and the chip at the other end."""

    def __init__(self, folder, target=None):
        self.folder = folder
        self.target = target or MemoryTarget(rollback=Rollback.BACKUP, active=OLD)
        self.here, there = MemoryLine.pair()
        self.chip = Chip(there, self.target)
        flash = FlashSettings(
            method="avrdude", hardware="memory-1", images=str(folder / "images"), prove_s=3.0
        )
        self.settings = SerialSettings(name="mcu", port="/dev/ttyX", flash=flash)
        (folder / "images").mkdir(exist_ok=True)
        self.digest = self.publish(NEW)
        self.events = []
        self.start()

    def publish(self, data):
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "images" / f"{digest}.bin").write_bytes(data)
        return digest

    def start(self):
        self.bridges = Bridges([self.settings], open_port=lambda _: self.here, now=time.time)
        self.updates = FirmwareUpdates(
            self.bridges,
            self.folder / "firmware",
            open_port=lambda _: self.here,
            now=time.time,
            make_flasher=lambda _: MemoryFlasher(self.target),
        )
        self.bridges.on_started = self.updates.resume_all
        self.offer = flash_offer(
            self.updates, self.folder / "firmware", Identity(), self.bridges.leaving
        )
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.bridges.start(lambda: None)
        self.thread.start()

    def take(self):
        while not self.ended.wait(0.01):
            self.events += self.bridges.take().events

    def stop(self):
        self.bridges.stop()
        self.ended.set()
        self.thread.join(HANG_S)

    def kinds(self):
        return [e.kind for e in self.events if e.kind.startswith("firmware_update")]

    def detail(self, kind):
        until(lambda: kind in self.kinds(), kind)
        return next(e.detail for e in self.events if e.kind == kind)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    until(lambda: made.bridges.heard_of("mcu").firmware == "1.0", "the first greeting")
    yield made
    made.stop()
    made.chip.stop()


def test_update_by_command_is_told_in_events(bench):
    done = bench.offer.run({"sha256": bench.digest, "version": "2.0"})
    assert (done["name"], done["state"]) == ("mcu", "done")
    assert bench.target.active == NEW
    detail = bench.detail("firmware_update_done")
    assert (detail["before"], detail["after"], detail["sha256"]) == ("1.0", "2.0", bench.digest)
    assert bench.kinds() == [
        "firmware_update_begun",
        *["firmware_update_progress"] * 3,
        "firmware_update_done",
    ]
    # The bridge has its line again, and nothing is left of the image.
    until(lambda: bench.bridges.heard_of("mcu").greetings >= 3, "the greeting after it")
    assert [p.name for p in (bench.folder / "firmware").rglob("*") if p.is_file()] == [
        "update.json"
    ]


def test_silent_firmware_is_replaced_by_the_old(bench):
    bench.chip.is_dumb = NEW
    with pytest.raises(
        CommandError, match=r"reverted: proving: nothing was heard of it within 3 s"
    ):
        bench.offer.run({"sha256": bench.digest})
    assert bench.target.active == OLD
    assert "nothing was heard" in bench.detail("firmware_update_reverted")["reason"]


def test_firmware_of_another_version_is_replaced_by_the_old(bench):
    with pytest.raises(CommandError, match=r"it says that it is 2\.0, not 3\.0"):
        bench.offer.run({"sha256": bench.digest, "version": "3.0"})
    assert bench.target.active == OLD


@pytest.mark.parametrize(
    ("args", "error", "said"),
    [
        ({"sha256": "0" * 64}, CommandError, "has no image of this hash"),
        ({"sha256": "x" * 64}, ArgumentError, "64 of"),
        ({"sha256": "0" * 64, "name": "other"}, ArgumentError, "one of mcu"),
    ],
)
def test_commands_that_can_not_be(bench, args, error, said):
    with pytest.raises(error, match=said):
        bench.offer.run(args)
    assert bench.target.writes == 0


def test_image_for_other_hardware_or_too_large_is_refused(bench):
    other = bench.publish(memory_image("memory-2", "2.0"))
    with pytest.raises(ArgumentError, match="is for memory-2"):
        bench.offer.run({"sha256": other})
    bench.target.hardware = "memory-9"
    with pytest.raises(CommandError, match="refused: planned: the target is memory-9"):
        bench.offer.run({"sha256": bench.digest})
    assert bench.target.writes == 0
    bench.updates.lines["mcu"] = replace(
        bench.settings, flash=replace(bench.settings.flash, max_bytes=100)
    )
    with pytest.raises(ArgumentError, match="larger than 100"):
        flash_offer(bench.updates, bench.folder, Identity(), bench.bridges.leaving).run(
            {"sha256": bench.digest}
        )


def test_offer_checks_its_arguments(bench):
    for args in ({}, {"sha256": "ab"}, {"sha256": 7}, {"sha256": "0" * 64, "url": "http://x"}):
        with pytest.raises(ArgumentError):
            bench.offer.check(args)


def test_port_that_somebody_else_took_is_named(bench):
    real = bench.here.open

    def held():
        if bench.bridges._lines["mcu"][0]._lent:
            raise PortBusy("/dev/ttyX", "is held by screen (process 7)")
        return real()

    bench.here.open = held
    with pytest.raises(CommandError, match="held by screen"):
        bench.offer.run({"sha256": bench.digest})
    assert bench.target.writes == 0


def test_two_updates_at_once_and_one_after_a_cut(tmp_path):
    image_file = tmp_path / "new"
    image_file.write_bytes(NEW)
    journal = Journal(tmp_path / "firmware" / "mcu")
    image = load_image(image_file, "")
    # As a power cut left it: half written.
    (tmp_path / "firmware" / "mcu").mkdir(parents=True)
    journal.image_path.write_bytes(NEW)
    journal.write(
        Entry("u", "mcu", "memory", image.sha256, time.time(), "2.0", "1.0", State.WRITING)
    )
    bench = Bench(tmp_path, MemoryTarget(rollback=Rollback.BACKUP, active=NEW[:100]))
    try:
        detail = bench.detail("firmware_update_done")
        assert (detail["before"], detail["after"]) == ("1.0", "2.0")
        assert bench.kinds()[0] == "firmware_update_resumed"
        assert bench.target.active == NEW
        with bench.updates._line("mcu"), pytest.raises(FlashFailed, match="runs already"):
            bench.updates.run("mcu", image)
    finally:
        bench.stop()
        bench.chip.stop()


def test_agent_that_leaves_stops_and_goes_on_at_its_next_start(bench):
    slow = bench.target
    real = MemoryFlasher.write

    class Slow(MemoryFlasher):
        def write(self, image, tell, stop):
            def told(share):
                time.sleep(0.05)
                tell(share)

            real(self, image, told, stop)

    bench.updates._make_flasher = lambda _: Slow(slow)
    failed = []

    def run():
        try:
            bench.offer.run({"sha256": bench.digest})
        except CommandError as error:
            failed.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: "firmware_update_progress" in bench.kinds(), "some progress")
    bench.stop()
    thread.join(HANG_S)
    assert failed == ["asked to stop"]
    assert bench.updates.journal("mcu").read().state is State.WRITING
    bench.events.clear()
    bench.start()
    assert bench.detail("firmware_update_done")["after"] == "2.0"
    assert bench.target.active == NEW


def test_agent_that_leaves_while_it_listens_does_not_take_the_new_firmware_back(bench):
    bench.chip.is_dumb = NEW
    bench.updates.lines["mcu"] = replace(
        bench.settings, flash=replace(bench.settings.flash, prove_s=600.0)
    )
    failed = []

    def run():
        try:
            bench.offer.run({"sha256": bench.digest})
        except CommandError as error:
            failed.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    journal = bench.updates.journal("mcu")

    def state():
        entry = journal.read()
        return entry.state if entry else None

    driver = bench.bridges._lines["mcu"][0]
    until(lambda: state() is State.PROVING and not driver._lent, "listening")
    bench.stop()
    thread.join(HANG_S)
    assert failed == ["the agent ends"]
    assert state() is State.PROVING
    bench.chip.is_dumb = b""
    bench.start()
    assert bench.detail("firmware_update_done")["after"] == "2.0"


def test_damaged_journal_is_told(tmp_path):
    folder = tmp_path / "firmware" / "mcu"
    folder.mkdir(parents=True)
    (folder / "update.json").write_text("{")
    bench = Bench(tmp_path)
    try:
        assert "not known" in bench.detail("firmware_update_unknown")["reason"]
    finally:
        bench.stop()
        bench.chip.stop()


class Server(http.server.BaseHTTPRequestHandler):
    """Gives what the test put into ``answers``."""

    answers: ClassVar = {}
    asked: ClassVar = []

    def do_GET(self):
        self.asked.append((self.path, self.headers["Authorization"]))
        status, body = self.answers.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Server.answers, Server.asked = {}, []
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    made.url = f"http://127.0.0.1:{made.server_port}/api/v1/firmware/"
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_images_come_from_a_server_by_their_hash(server, tmp_path):
    digest = hashlib.sha256(NEW).hexdigest()
    path = f"/api/v1/firmware/{digest}"
    who = Identity("pump", "secret")

    def get(max_bytes=10_000):
        return fetch_image(server.url, digest, tmp_path / "i", max_bytes=max_bytes, identity=who)

    with pytest.raises(CommandError, match="404"):
        get()
    server.RequestHandlerClass.answers[path] = (200, NEW)
    assert get().data == NEW
    assert Server.asked[-1] == (path, "Basic cHVtcDpzZWNyZXQ=")
    with pytest.raises(CommandError, match="larger than 99"):
        get(99)
    server.RequestHandlerClass.answers[path] = (200, OLD)
    with pytest.raises(CommandError, match="something else"):
        get()
    (tmp_path / f"{digest}.hex").write_bytes(OLD)
    with pytest.raises(ImageRefused, match="not the image asked for"):
        fetch_image(str(tmp_path), digest, tmp_path / "i", max_bytes=9999, identity=who)


def test_no_server(tmp_path):
    for source, said in (
        ("http://127.0.0.1:9/x", "can't be fetched"),
        ("ftp://127.0.0.1/x", "must be"),
        ("http://127.0.0.1:x/x", "no sense"),
    ):
        with pytest.raises(CommandError, match=said):
            fetch_image(source, "0" * 64, tmp_path / "i", max_bytes=9, identity=Identity())
