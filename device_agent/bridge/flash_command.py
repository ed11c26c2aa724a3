"""``forewarn-agent bridge flash``: one update by hand, with its progress."""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device_agent.bridge.bridges import Bridges, Open, serial_port
from device_agent.bridge.updates import FirmwareUpdates, Shown
from device_agent.errors import CommandError
from device_agent.serial_settings import SerialSettings
from device_agent.settings import AgentSettings
from firmware_bridge.errors import BridgeError
from firmware_bridge.flash.image import load_image
from firmware_bridge.flash.journal import Entry
from firmware_bridge.flash.states import ENDS, TABLE, State

_LISTEN_S = 3.0


def flash(
    arguments: argparse.Namespace, settings: AgentSettings, open_port: Open = serial_port
) -> int:
    """Check, write, prove; gives the exit status. Raises AgentError where nothing was begun."""
    line = _line(settings.serial, arguments.name)
    bridges = Bridges([line], open_port=open_port, now=time.time)
    folder = Path(settings.spool.directory) / "firmware"
    updates = FirmwareUpdates(
        bridges,
        folder,
        open_port=open_port,
        now=time.time,
        shown=_show(is_terminal=sys.stderr.isatty()),
    )
    try:
        with _listening(bridges):
            ended = _act(arguments, updates, line)
    except BridgeError as error:
        raise CommandError(str(error)) from None
    except KeyboardInterrupt:
        raise CommandError("stopped; `bridge flash --resume` goes on") from None
    if ended is None:
        return 0
    said = f": {ended.reason}" if ended.reason else ""
    print(f"{line.name}: {ended.state.value}{said}")
    return 0 if ended.state is State.DONE else 1


def _act(
    arguments: argparse.Namespace, updates: FirmwareUpdates, line: SerialSettings
) -> Entry | None:
    found = updates.journal(line.name).read()
    if arguments.resume:
        if found is None or found.state in ENDS:
            print(f"{line.name}: no update was cut off")
            return None
        return updates.resume(line.name)
    if arguments.image is None:
        raise CommandError("give the IMAGE to write, or --resume")
    image = load_image(arguments.image, arguments.sha256, max_bytes=line.flash.max_bytes)
    if arguments.check:
        target = updates.check(line.name, image)
        runs = f", runs {target.running}" if target.running else ""
        print(f"{line.name}: {target.hardware}{runs}; sha256 {image.sha256}; nothing was written")
        return None
    return updates.run(line.name, image, version=arguments.version, asked="command line")


def _line(lines: tuple[SerialSettings, ...], name: str) -> SerialSettings:
    fitting = [each for each in lines if each.flash.method != "none" and name in {"", each.name}]
    if not fitting:
        raise CommandError(f"no [[serial]] {name or 'here'} has a [serial.flash] with a method")
    if len(fitting) > 1:
        raise CommandError(f"--name must be one of {', '.join(each.name for each in fitting)}")
    return fitting[0]


@contextmanager
def _listening(bridges: Bridges) -> Iterator[None]:
    """Have the line listened to, as the agent does: that is how the new firmware is heard."""
    news = threading.Event()

    def listen() -> None:
        while not bridges.leaving.is_set():
            news.wait(0.2)
            news.clear()
            bridges.take()

    thread = threading.Thread(target=listen, name="listen", daemon=True)
    bridges.start(news.set)
    thread.start()
    try:
        yield
    finally:
        bridges.stop()
        thread.join(_LISTEN_S)


def _show(*, is_terminal: bool) -> Shown:
    """Give what prints progress: one line that moves on a terminal, else a line for each step."""
    last: list[tuple[State, int]] = []

    def show(entry: Entry, share: float) -> None:
        percent = int(share * 100)
        now = (entry.state, percent)
        if last == [now] or entry.state not in TABLE:
            return
        is_new = not last or last[0][0] is not entry.state
        last[:] = [now]
        does = TABLE[entry.state].does
        if is_terminal:
            start = "\n" if is_new else "\r"
            print(
                f"{start}{entry.state.value:<10}{percent:4d} %  {does}",
                end="",
                file=sys.stderr,
                flush=True,
            )
        elif is_new:
            print(f"{entry.state.value}: {does}", file=sys.stderr, flush=True)

    return show
