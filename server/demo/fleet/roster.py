"""Who the fleet is: twelve machines, their sites and owners, and the script of their troubles."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from server.demo.fleet.cold_store import ColdStore
from server.demo.fleet.faults import Fault, FaultKind
from server.demo.fleet.heat_pump import HeatPump
from server.demo.fleet.machine import Machine, Physics
from server.demo.fleet.water_pump import WaterPump
from server.demo.fleet.weather import DAY_S, Climate


@dataclass(frozen=True, slots=True)
class Member:
    """One machine as the people around it know it; `owner` is the local part of an address."""

    device_id: str
    name: str
    model: str
    site: str
    owner: str
    size: float = 1.0


FLEET: Final = (
    Member("hp-lindenweg-4", "Heat pump, Lindenweg 4", "Thermia HP-8", "Potsdam", "anna"),
    Member("hp-birkenallee-17", "Heat pump, Birkenallee 17", "Thermia HP-8", "Potsdam", "jonas"),
    Member("hp-kastanienring-21", "Heat pump, Kastanienring 21", "Thermia HP-12", "Teltow",
           "jonas", 1.3),
    Member("hp-rosenstrasse-2", "Heat pump, Rosenstraße 2", "Thermia HP-8", "Teltow", "anna", 0.9),
    Member("hp-lipowa-9", "Heat pump, ul. Lipowa 9", "Thermia HP-12", "Szczecin", "marta", 1.2),
    Member("cs-fischmarkt-1", "Cold store, Fischmarkt hall 1", "Polaris CS-40", "Hamburg",
           "nordfrost", 1.2),
    Member("cs-fischmarkt-2", "Cold store, Fischmarkt hall 2", "Polaris CS-40", "Hamburg",
           "nordfrost", 1.2),
    Member("cs-sommer", "Cold store, Bakery Sommer", "Polaris CS-20", "Berlin", "sommer", 0.6),
    Member("cs-gdynia", "Cold store, Port of Gdynia", "Polaris CS-40", "Gdynia", "marta"),
    Member("wp-sued-1", "Water pump 1, Wasserwerk Süd", "Aquila P-90", "Leipzig", "wasserwerk"),
    Member("wp-sued-2", "Water pump 2, Wasserwerk Süd", "Aquila P-90", "Leipzig", "wasserwerk"),
    Member("wp-podgorze", "Water pump, Podgórze station", "Aquila P-60", "Kraków", "marta", 0.7),
)  # fmt: skip


ENCORES: Final = (
    ("hp-birkenallee-17", "discharge/temperature"),
    ("cs-sommer", "oil/temperature"),
    ("wp-sued-1", "bearing/temperature"),
    ("hp-rosenstrasse-2", "supply/temperature"),
)
"""Healthy machines and a sensor of each that may break when the demo is started again."""


def script(ready_s: float, returned_s: Sequence[float] = ()) -> tuple[Fault, ...]:
    """The fleet's troubles around `ready_s`: three well on their way, three to watch begin.

    At each later start, `returned_s`, there is one more to watch.
    """
    encores = (
        Fault(device_id, FaultKind.SENSOR_OUT_OF_RANGE, at_s + 60.0, per_day=1.0, metric=metric)
        for at_s, (device_id, metric) in zip(returned_s, itertools.cycle(ENCORES), strict=False)
    )
    return (
        *encores,
        Fault("hp-lindenweg-4", FaultKind.REFRIGERANT_LEAK, ready_s - 6 * DAY_S, per_day=0.12),
        Fault("wp-sued-2", FaultKind.BEARING_WEAR, ready_s - 7 * DAY_S, per_day=0.11),
        Fault("hp-lipowa-9", FaultKind.STUCK_SENSOR, ready_s - 1.25 * DAY_S, per_day=1.0,
              metric="outdoor/temperature"),
        # A wire breaks: noticed with the next few readings.
        Fault("cs-gdynia", FaultKind.SENSOR_OUT_OF_RANGE, ready_s + 90.0, per_day=1.0,
              metric="oil/temperature"),
        # A link fails for a quarter of an hour: silence is noticed after two minutes, and then ends.
        Fault("wp-podgorze", FaultKind.SILENT, ready_s + 100.0, per_day=1.0,
              end_s=ready_s + 1_000.0),
        # A fan's bearing seizes; that it will not come back by itself takes an hour to be sure of.
        Fault("cs-fischmarkt-2", FaultKind.FAN_FAILURE, ready_s - 3_420.0, per_day=DAY_S / 90.0),
    )  # fmt: skip


def machines(*, seed: int, faults: tuple[Fault, ...]) -> list[Machine]:
    """The fleet at the beginning of its life, each machine with its own weather and habits."""
    fleet = []
    for number, member in enumerate(FLEET):
        fleet.append(
            Machine(
                member.device_id,
                _physics(member, number),
                [f for f in faults if f.device_id == member.device_id],
                seed=seed * 1000 + number,
            )
        )
    return fleet


def _physics(member: Member, number: int) -> Physics:
    climate = Climate(mean_celsius=2.5 + 0.3 * (number % 5), phase=0.4 * number)
    offset_s = 1_130.0 * number % 1_800.0
    match member.device_id[:2]:
        case "hp":
            return HeatPump(climate, member.size, offset_s)
        case "cs":
            return ColdStore(climate, member.size, offset_s)
        case _:
            return WaterPump(climate, member.size, offset_s)
