"""The processes beside the server: the simulated fleet, and the real agent on this computer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from server.demo.cast import HOST_ID, Cast
from server.demo.plan import Loaded, Plan, Repair

log = logging.getLogger(__name__)

_LEAVE_WITHIN_S: Final = 4.0


class Fleet:
    """The fleet's process. `start` once, then `loaded`, `tell`, `stop`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, plan: Plan) -> Fleet:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.demo.fleet_process", stdin=PIPE, stdout=PIPE
        )
        fleet = cls(process)
        await fleet._say(plan)
        return fleet

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def loaded(self) -> Loaded | None:
        """When the history is with the broker; None if the process ended before."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        return msgspec.json.decode(line, type=Loaded) if line else None

    async def tell(self, repair: Repair) -> None:
        await self._say(repair)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await _ended(self._process)

    async def _say(self, message: Plan | Repair) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")
        with contextlib.suppress(ConnectionError):  # it has ended, and has said why
            await self._process.stdin.drain()


class HostAgent:
    """`forewarn-agent run` on this computer, with a configuration under the data directory."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, directory: Path, mqtt_url: str, cast: Cast) -> HostAgent:
        config = write_agent_config(directory, mqtt_url, cast.secrets[HOST_ID])
        with (directory / "agent.log").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "server.demo.agent_process", str(config),
                stdin=PIPE, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        return cls(process)

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await _ended(self._process)


def write_agent_config(directory: Path, mqtt_url: str, password: str) -> Path:
    """The agent's configuration, and its password in a file of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    secret = directory / "password"
    secret.touch(mode=0o600)
    secret.write_text(password + "\n")
    address = urlsplit(mqtt_url)
    spool = (directory / "spool").resolve()
    config = directory / "agent.toml"
    # JSON's strings are TOML's basic strings, escapes included.
    config.write_text(
        f"device_id = {json.dumps(HOST_ID)}\n"
        'model = "Linux host"\n'
        "[broker]\n"
        f"host = {json.dumps(address.hostname)}\n"
        f"port = {address.port}\n"
        f"password_file = {json.dumps(str(secret.resolve()))}\n"
        "[spool]\n"
        f"directory = {json.dumps(str(spool))}\n"
    )
    return config


async def _ended(process: Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), _LEAVE_WITHIN_S)
    except TimeoutError:
        log.warning("process %d did not leave within %s s", process.pid, _LEAVE_WITHIN_S)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
