"""Offsets that a person has measured: kept on disk, added to every reading from then on."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from device_agent import log
from device_agent.commands.offer import Argument, ArgumentError, Fields, Offer
from device_agent.errors import CommandError
from device_agent.sampler import Sampler
from device_agent.wire import DeviceEvent

_LARGEST: Final = 1e9
_MOST: Final = 1000


class Calibration:
    """``offsets`` by metric, shared with the sampler; changed by ``set`` only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offsets: dict[str, float] = {}
        try:
            self.offsets.update(_checked(json.loads(path.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("calibration can't be read: nothing is corrected", file=path, reason=error)

    def set(self, sensor: str, offset: float) -> None:
        """Keep an offset, 0 for none; raises CommandError when it can't be written (then it is not used)."""
        changed = {**self.offsets, sensor: offset}
        if not offset:
            del changed[sensor]
        if len(changed) > _MOST:
            raise CommandError(f"more than {_MOST} sensors are calibrated")
        beside = self._path.with_suffix(".new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                json.dump(changed, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise CommandError(f"can't be kept: {error}") from None
        self.offsets[sensor] = offset
        if not offset:
            del self.offsets[sensor]


def calibrate_offer(
    sampler: Sampler,
    calibration: Calibration,
    report: Callable[[DeviceEvent], None],
    now: Callable[[], float],
) -> Offer:
    """Offer to correct a sensor: by an ``offset``, or by the true value that it should show now."""

    def run(args: Fields) -> Fields:
        sensor = str(args["sensor"])
        latest = sampler.latest(sensor)
        if latest is None or isinstance(latest.value, bool | str):
            raise ArgumentError("there is no such sensor, or it gave no number yet")
        was = calibration.offsets.get(sensor, 0.0)
        offset = _wanted(args, latest.value - was)
        calibration.set(sensor, offset)
        detail: Fields = {"sensor": sensor, "offset": offset, "was": was}
        report(DeviceEvent("calibrated", round(now(), 3), detail))
        return {**detail, "raw": latest.value - was}

    return Offer(
        "calibrate",
        (
            Argument("sensor", "text", is_required=True, low=1, high=128),
            Argument("offset", "number", low=-_LARGEST, high=_LARGEST),
            Argument("reference", "number", low=-_LARGEST, high=_LARGEST),
        ),
        run,
    )


def _wanted(args: Fields, raw: float) -> float:
    offset, reference = args.get("offset"), args.get("reference")
    if isinstance(offset, int | float) and reference is None:
        return float(offset)
    if isinstance(reference, int | float) and offset is None:
        return round(float(reference) - raw, 9)
    raise ArgumentError("give offset or reference, one of them")


def _checked(found: object) -> dict[str, float]:
    if not isinstance(found, dict):
        raise ValueError("is not a table")  # noqa: TRY004 - one kind of fault for the caller
    for value in found.values():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise ValueError("an offset is not a number")
    return {str(name): float(value) for name, value in found.items()}
