"""An Arduino Uno in QEMU: the firmware's serial port is a pseudo terminal, its reset button and freezer are methods."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

HANG_GUARD_S = 20.0
PROGRAM_COUNTER = 0x22


class Emulator:
    """`with Emulator(elf) as uno:` runs the firmware; bytes of the USART are at `uno.port`."""

    def __init__(self, elf: Path) -> None:
        self._elf = elf
        self._folder = tempfile.TemporaryDirectory(prefix="forewarn-uno-")
        self._process: subprocess.Popen[str] | None = None
        self._qmp: socket.socket | None = None
        self._answers: Any = None
        self.port = ""

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        command = [
            "nice", "-n", "5", "qemu-system-avr", "-machine", "uno", "-bios", str(self._elf), "-serial", "pty",
            "-nographic", "-monitor", "none", "-S",
            "-qmp", f"unix:{folder / 'qmp'},server=on,wait=on",
            "-gdb", f"unix:{folder / 'gdb'},server=on,wait=off",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._qmp = socket.socket(socket.AF_UNIX)
        self._qmp.settimeout(HANG_GUARD_S)
        said = ""
        for line in self._process.stdout:
            said += line
            if "server=on" in line and "qmp" in line:
                self._qmp.connect(str(folder / "qmp"))
                self._answers = self._qmp.makefile("r")
            if found := re.search(r"/dev/pts/\d+", line):
                self.port = found.group()
            if self.port and self._answers:
                break
        else:
            raise AssertionError(f"qemu-system-avr ended: {said}")
        self._ask("qmp_capabilities")
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process is not None
        if self._answers is not None:
            self._answers.close()
        if self._qmp is not None:
            self._qmp.close()
        self._process.kill()
        self._process.wait(HANG_GUARD_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()

    def _ask(self, command: str) -> None:
        assert self._qmp is not None
        self._qmp.sendall(json.dumps({"execute": command}).encode())
        for line in self._answers:
            answer = json.loads(line)
            if "return" in answer:
                return
            assert "error" not in answer, answer

    def run(self) -> None:
        """Let the processor run: the first time, or again after `freeze`."""
        self._ask("cont")

    def freeze(self) -> None:
        """The processor stops where it is, in the middle of a frame if it is so; its clock stands still."""
        self._ask("stop")

    def unplug(self) -> None:
        """The cable is pulled: the pseudo terminal is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(HANG_GUARD_S)

    def stop_at(self, function: str, times: int) -> None:
        """Stop when this function of the firmware has been entered so often."""
        address = _address(self._elf, function)
        with self._debugger() as debugger:
            for _ in range(times):
                # From where it stands, then on to the next entry: it would stop at once where it is.
                _debug(debugger, "s", wait=True)
                assert _debug(debugger, f"Z0,{address:x},2") == "OK"
                assert _debug(debugger, "c", wait=True).startswith("T05")
                assert _debug(debugger, f"z0,{address:x},2") == "OK"
            _debug(debugger, "D")
        self.freeze()

    def press_reset(self) -> None:
        """The reset pin: peripherals and program counter start anew, the memory keeps its content.

        QEMU's own reset leaves the program counter of an AVR as it is; the debugger's port sets it.
        """
        with self._debugger() as debugger:
            # Asked for its description, the port allows single registers to be written.
            _debug(debugger, "qXfer:features:read:target.xml:0,ffb")
            self._ask("system_reset")
            assert _debug(debugger, f"P{PROGRAM_COUNTER:x}=00000000") == "OK"
            _debug(debugger, "D")
        self.run()

    @contextmanager
    def _debugger(self) -> Iterator[socket.socket]:
        """The debugger's port; the processor stands still while it is open."""
        with socket.socket(socket.AF_UNIX) as debugger:
            debugger.settimeout(HANG_GUARD_S)
            debugger.connect(str(Path(self._folder.name) / "gdb"))
            _debug(debugger, "?", wait=True)
            yield debugger


def _address(elf: Path, function: str) -> int:
    listed = subprocess.run(["avr-nm", str(elf)], capture_output=True, text=True, check=True).stdout
    [address] = [line.split()[0] for line in listed.splitlines() if line.endswith(f" {function}")]
    return int(address, 16)


def _debug(debugger: socket.socket, command: str, *, wait: bool = False) -> str:
    """One exchange with the debugger's port. Stops that it tells of by itself are passed over, unless waited for."""
    packet = command.encode()
    debugger.sendall(b"$" + packet + b"#%02x" % (sum(packet) % 256))
    said = b""
    while True:
        while not (found := re.search(rb"\$([^#]*)#..", said)):
            more = debugger.recv(4096)
            if not more:
                raise ConnectionError("the debugger's port was closed")
            said += more
        debugger.sendall(b"+")
        if wait or not found.group(1).startswith(b"T"):
            return found.group(1).decode("latin-1")
        said = said[found.end() :]
