"""The command ``flash``: new firmware for a microcontroller, by the hash of its image."""

import threading
import time
from pathlib import Path

from device_agent.bridge.bridges import Bridges, Open
from device_agent.bridge.images import Identity, fetch_image
from device_agent.bridge.updates import FirmwareUpdates
from device_agent.commands.offer import Argument, ArgumentError, Fields, Offer
from device_agent.errors import CommandError
from device_agent.settings import AgentSettings
from firmware_bridge.errors import BridgeError, ImageRefused
from firmware_bridge.flash.image import is_sha256
from firmware_bridge.flash.states import State


def with_updates(
    bridges: Bridges, settings: AgentSettings, password: str, open_port: Open
) -> Offer:
    """Give the command, and have what was cut off go on when ``bridges`` start."""
    directory = Path(settings.spool.directory) / "firmware"
    updates = FirmwareUpdates(bridges, directory, open_port=open_port, now=time.time)
    bridges.on_started = updates.resume_all
    user = settings.broker.username or settings.device_id
    identity = Identity(user, password, settings.broker.ca_file)
    return flash_offer(updates, directory, identity, bridges.leaving)


def flash_offer(
    updates: FirmwareUpdates, directory: Path, identity: Identity, leaving: threading.Event
) -> Offer:
    """Offer an update: ``{"name": "mcu", "sha256": "…", "version": "2.0.0"}``; the name may be left out where one line has it."""
    lines = {name: each for name, each in updates.lines.items() if each.flash.images}

    def run(args: Fields) -> Fields:
        name = str(args.get("name", ""))
        if not name and len(lines) == 1:
            name = next(iter(lines))
        if name not in lines:
            raise ArgumentError(f"name must be one of {', '.join(lines)}")
        sha256, version = str(args["sha256"]), str(args.get("version", ""))
        if not is_sha256(sha256):
            raise ArgumentError("sha256 must be 64 of 0-9 a-f")
        settings = lines[name].flash
        part = directory / f"{name}.fetched"
        try:
            image = fetch_image(
                settings.images, sha256, part,
                max_bytes=settings.max_bytes, identity=identity, stop=leaving.is_set,
            )  # fmt: skip
            ended = updates.run(name, image, version=version, asked="command")
        except ImageRefused as error:
            raise ArgumentError(str(error)) from None
        except BridgeError as error:
            raise CommandError(str(error)) from None
        finally:
            part.unlink(missing_ok=True)
        if ended.state is not State.DONE:
            raise CommandError(f"{ended.state.value}: {ended.reason}")
        return {"name": name, "state": ended.state.value, "sha256": sha256, "version": version}

    return Offer(
        "flash",
        (
            Argument("sha256", "text", is_required=True, low=64, high=64),
            Argument("name", "text", high=60),
            Argument("version", "text", high=64),
        ),
        run,
    )
