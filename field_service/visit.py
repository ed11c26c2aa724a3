"""What to do and what to bring: rows that map a finding to tasks, parts and tools.

A metric is prepared for by the first row that names it, the more telling rows stand first; rows for
any metric count as well. The plan is their union in the order of the table. The phrases are English
and double as keys for translation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class Preparation:
    """One row: for findings of `kinds` (empty = any) on metrics like `metric`."""

    metric: str
    kinds: frozenset[str] = frozenset()
    skill: str = ""
    tasks: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def fits(self, kind: str, metrics: Iterable[str]) -> bool:
        if self.kinds and kind not in self.kinds:
            return False
        return any(fnmatchcase(metric, self.metric) for metric in (*metrics, ""))


@dataclass(frozen=True, slots=True)
class VisitPlan:
    skill: str = ""
    tasks: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def bring(self) -> dict[str, Any]:
        """Parts and tools as JSON."""
        return {"parts": list(self.parts), "tools": list(self.tools)}


ANY = "*"
_WORN = frozenset(
    {"drift", "level_shift", "variance", "deviation", "relation", "out_of_range", "life"}
)
_SENSOR = frozenset({"stuck", "gap"})
_SILENT = frozenset({"silence"})

PREPARATIONS: tuple[Preparation, ...] = (
    Preparation(
        ANY,
        _SILENT,
        "electronics",
        tasks=("Check the power supply", "Check the network connection", "Read the agent's log"),
        parts=("Power supply unit",),
        tools=("Multimeter", "Network tester", "Service laptop"),
    ),
    Preparation(
        ANY,
        _SENSOR,
        "electronics",
        tasks=("Compare the sensor with a reference", "Check the sensor's wiring"),
        parts=("Spare sensor",),
        tools=("Multimeter", "Reference thermometer"),
    ),
    Preparation(
        "*compressor*",
        _WORN,
        "refrigeration",
        tasks=("Measure the compressor's current", "Check the refrigerant charge"),
        parts=("Start capacitor", "Refrigerant"),
        tools=("Clamp meter", "Manifold gauges"),
    ),
    Preparation(
        "*pressure*",
        _WORN,
        "refrigeration",
        tasks=("Look for leaks", "Check the pressure sensor"),
        parts=("Gasket set",),
        tools=("Leak detector", "Manifold gauges"),
    ),
    Preparation(
        "*fan*",
        _WORN,
        "mechanics",
        tasks=("Clean the fan and the heat exchanger", "Check the fan's bearing"),
        parts=("Fan",),
        tools=("Screwdriver set", "Vacuum cleaner"),
    ),
    Preparation(
        "*vibration*",
        _WORN,
        "mechanics",
        tasks=("Check the bearings", "Check the mounting and the alignment"),
        parts=("Bearing set",),
        tools=("Vibration meter", "Torque wrench"),
    ),
    # Before the row for any temperature: what is hot in a bearing or a motor is not the weather.
    Preparation(
        "*bearing*",
        _WORN,
        "mechanics",
        tasks=("Check the bearings", "Check the mounting and the alignment"),
        parts=("Bearing set",),
        tools=("Vibration meter", "Torque wrench"),
    ),
    Preparation(
        "*motor*",
        _WORN,
        "mechanics",
        tasks=("Check the bearings", "Check the impeller and the seal"),
        parts=("Bearing set",),
        tools=("Clamp meter", "Vibration meter"),
    ),
    Preparation(
        "*pump*",
        _WORN,
        "mechanics",
        tasks=("Check the impeller and the seal", "Look for air in the circuit"),
        parts=("Seal kit", "Impeller"),
        tools=("Pipe wrench", "Clamp meter"),
    ),
    Preparation(
        "*flow*",
        _WORN,
        "mechanics",
        tasks=("Clean the filter", "Check the valves"),
        parts=("Filter",),
        tools=("Pipe wrench", "Bucket"),
    ),
    Preparation(
        "*temperature*",
        _WORN,
        tasks=("Clean the heat exchanger", "Check the set-point and the airflow"),
        tools=("Reference thermometer",),
    ),
    Preparation(
        "*battery*",
        _WORN,
        "electronics",
        tasks=("Measure the battery under load",),
        parts=("Battery",),
        tools=("Multimeter",),
    ),
    Preparation(
        ANY,
        tasks=("Look for damage, noise and smell", "Confirm with the device's live values"),
        tools=("Service phone",),
    ),
)


def plan_visit(
    kind: str, metrics: Iterable[str], table: tuple[Preparation, ...] = PREPARATIONS
) -> VisitPlan:
    """Tasks, parts and tools for a finding of `kind` on `metrics`; the first skill named counts.

    A metric is prepared for by the first row that names it; rows for any metric count as well.

    >>> plan_visit("drift", ["compressor/current"]).skill
    'refrigeration'
    """
    names = tuple(metrics)
    wanted = {
        next((row for row in table if row.metric != ANY and row.fits(kind, (name,))), None)
        for name in names
    }
    rows = [row for row in table if row in wanted or (row.metric == ANY and row.fits(kind, names))]
    return VisitPlan(
        skill=next((row.skill for row in rows if row.skill), ""),
        tasks=_union(row.tasks for row in rows),
        parts=_union(row.parts for row in rows),
        tools=_union(row.tools for row in rows),
    )


def phrases(table: tuple[Preparation, ...] = PREPARATIONS) -> tuple[str, ...]:
    """Everything a plan can say, for the translation catalogues."""
    return _union((*row.tasks, *row.parts, *row.tools) for row in table)


def _union(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(phrase for group in groups for phrase in group))
