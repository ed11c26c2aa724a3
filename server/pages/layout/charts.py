"""What a page needs to draw a device's measurements: names, addresses, a curve for the first look."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import Depends, Request

from server.pages.layout.curves import polylines
from server.pages.wording.metrics import interest
from server.telemetry.samples import SeriesKey
from server.telemetry.store import TelemetryStore

FIRST_LOOK_POINTS = 160

RANGES_S = {"24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "90d": 90 * 86_400}


@dataclass(frozen=True, slots=True)
class Chart:
    """One measurement over [from_s, to_s)."""

    metric: str
    unit: str
    url: str
    latest: float
    latest_s: float
    curve: list[str]


def telemetry_store(request: Request) -> TelemetryStore:
    return cast("TelemetryStore", request.app.state.telemetry)


Telemetry = Annotated[TelemetryStore, Depends(telemetry_store)]


def charts(
    store: TelemetryStore,
    device_id: str,
    *,
    from_s: float,
    to_s: float,
    first: Collection[str] = (),
) -> list[Chart]:
    """All measurements: those of `first` first, then the most telling, then by name."""
    newest = sorted(
        store.latest(device_id),
        key=lambda value: (value.metric not in first, interest(value.metric), value.metric),
    )
    return [
        Chart(
            metric=value.metric,
            unit=value.unit,
            url=f"/api/v1/devices/{quote(device_id)}/telemetry?metric={quote(value.metric, safe='')}",
            latest=value.value,
            latest_s=value.time_s,
            curve=polylines(
                store.query(
                    SeriesKey(device_id, value.metric),
                    from_s=from_s,
                    to_s=to_s,
                    points=FIRST_LOOK_POINTS,
                ),
                from_s=from_s,
                to_s=to_s,
            ),
        )
        for value in newest
    ]
