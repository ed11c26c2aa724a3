"""What a running server does for commands that want its files: backup, export, replay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.app import backup
from server.app.consuming import Consumer
from server.app.control import Handler, Say
from server.app.waiting import WAITING_FILE, write_waiting
from server.detection import replaying
from server.detection.detector import engine_settings
from server.kit.clock import Clock
from server.kit.data_directory import DataDirectory
from server.kit.database import Database
from server.kit.errors import BadInput
from server.kit.settings import Settings
from server.telemetry.export import ExportOf, export
from server.telemetry.store import Frozen, TelemetryStore


@dataclass(frozen=True, slots=True)
class Keeping:
    """The parts of a server that a copy of its state is made of."""

    data: DataDirectory
    records: Database
    telemetry: TelemetryStore
    consumer: Consumer
    clock: Clock
    settings: Settings

    def handlers(self) -> dict[str, Handler]:
        return {"backup": self.backup, "export": self.export, "replay": self.replay}

    async def backup(self, request: Mapping[str, Any], say: Say) -> Any:
        """`{"to": absolute path}`; progress is the share done."""
        target = backup.begin(_absolute(request["to"]))
        frozen: list[Frozen] = []
        try:
            async with self.consumer.paused() as source:
                await write_waiting(source, target.partial / WAITING_FILE)
                frozen += await asyncio.to_thread(backup.freeze, self.data, self.telemetry, target)
            await asyncio.to_thread(backup.copy_all, self.data, target, frozen, say)
            return await asyncio.to_thread(
                backup.finish, target, self.records, now=self.clock.now(), live=True
            )
        except OSError as error:
            raise backup.failed(target, error) from error
        finally:
            for part in frozen:
                with contextlib.suppress(Exception):
                    await asyncio.to_thread(part.close)
            backup.abandon(target)

    async def export(self, request: Mapping[str, Any], say: Say) -> Any:
        """`{"to": absolute path, "of": fields of ExportOf}`; progress is the share done."""
        wanted = ExportOf(**request["of"])
        folder = _absolute(request["to"])
        return await asyncio.to_thread(export, self.telemetry, folder, wanted, say)

    async def replay(self, request: Mapping[str, Any], say: Say) -> Any:
        """`{"cohort", "caution", "days"}`; progress is the share done and of which device. Fields of the answers, in order."""
        return await asyncio.to_thread(self._replay, request, say)

    def _replay(self, request: Mapping[str, Any], say: Say) -> list[dict[str, Any]]:
        cohort, caution, days = request["cohort"], float(request["caution"]), float(request["days"])
        with self.records.reading() as session:
            wish = replaying.asked(session, cohort, caution, days, now=self.clock.now())
        answers = replaying.replay(
            self.telemetry, wish.question, wish.about, engine_settings(self.settings),
            lambda share, doing: say([share, doing]),
        )  # fmt: skip
        return [asdict(answer) for answer in answers]


def _absolute(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise BadInput("DEST", "must be an absolute path")
    return path
