"""How commands reach a running server: a socket in the data directory, for whoever may open files there.

One request a connection: a line of JSON, `{"do": name, …}`. Answers are lines too: any number of
`{"progress": …}`, then `{"done": …}` or `{"error": "a sentence"}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from server.kit.errors import ForewarnError, NotFound

log = logging.getLogger(__name__)

SOCKET_FILE: Final = "control.sock"
_LONGEST_REQUEST_BYTES: Final = 64 * 1024

Say = Callable[[Any], None]
"""Tells the asking command how far it is; from any thread."""

Handler = Callable[[Mapping[str, Any], Say], Awaitable[Any]]


class NotRunning(NotFound):
    """No server runs on this data directory."""


@contextlib.asynccontextmanager
async def answering(root: Path, handlers: Mapping[str, Handler]) -> Any:
    """Answers requests for as long as the block runs; only this user may ask."""
    (root / SOCKET_FILE).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    with _short_path(root) as path:
        before = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(before)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer(reader, writer, handlers)

    server = await asyncio.start_unix_server(answer, sock=listener, limit=_LONGEST_REQUEST_BYTES)
    try:
        yield
    finally:
        server.close()
        (root / SOCKET_FILE).unlink(missing_ok=True)


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handlers: Mapping[str, Handler]
) -> None:
    loop = asyncio.get_running_loop()

    def send(line: dict[str, Any]) -> None:
        if not writer.is_closing():
            writer.write(json.dumps(line).encode() + b"\n")

    def say(progress: Any) -> None:
        loop.call_soon_threadsafe(send, {"progress": progress})

    try:
        request = json.loads(await reader.readline())
        work = handlers[request["do"]]
    except (ValueError, KeyError, TypeError):
        send({"error": "this server does not know what is asked; is it another version?"})
    else:
        try:
            send({"done": await work(request, say)})
        except ForewarnError as error:
            send({"error": error.message})
        except Exception as error:  # whoever asked must hear of it, whatever it was
            log.exception("%s failed", request["do"])
            send({"error": f"{type(error).__name__}: {error}"})
    with contextlib.suppress(OSError):
        await writer.drain()
        writer.close()


class ControlRefused(ForewarnError):
    """The running server says why it did not."""


def ask(root: Path, request: Mapping[str, Any], progress: Say) -> Any:
    """What the running server answers. Raises NotRunning, or ControlRefused with its sentence."""
    connection = socket.socket(socket.AF_UNIX)
    with contextlib.closing(connection):
        try:
            with _short_path(root) as path:
                connection.connect(path)
        except OSError as error:
            raise NotRunning(f"no server runs on {root}") from error
        connection.sendall(json.dumps(dict(request)).encode() + b"\n")
        with connection.makefile("r", encoding="utf-8") as lines:
            for text in lines:
                line = json.loads(text)
                if "progress" in line:
                    progress(line["progress"])
                elif "error" in line:
                    raise ControlRefused(line["error"])
                else:
                    return line["done"]
    raise ControlRefused("the server ended before it was done")


@contextlib.contextmanager
def _short_path(root: Path) -> Iterator[str]:
    """A socket's path has room for 107 bytes; a data directory's may be longer."""
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_FILE}"
    finally:
        os.close(descriptor)
