"""Devices at a glance, their telemetry, their timeline; our own figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from server.account.dependencies import CurrentViewer, DeskViewer
from server.device import service as devices
from server.incident.schemas import FindingView
from server.insight.overview import overview, overviews
from server.insight.period import period
from server.insight.proactive import proactive
from server.insight.schemas import (
    DeviceDetail,
    DeviceView,
    LatestView,
    ProactiveView,
    TelemetryView,
    TimelineItemView,
    TimelineView,
    device_view,
)
from server.insight.timeline import timeline
from server.kit.clock import from_unix
from server.kit.errors import NotFound
from server.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor, next_cursor
from server.kit.web import Now, Reading
from server.telemetry.samples import SeriesKey
from server.telemetry.store import MAX_POINTS, TelemetryStore

router = APIRouter()


def _telemetry(request: Request) -> TelemetryStore:
    return cast("TelemetryStore", request.app.state.telemetry)


Telemetry = Annotated[TelemetryStore, Depends(_telemetry)]
From = Annotated[
    str | None, Query(alias="from", max_length=40, description="ISO 8601 or Unix seconds")
]
To = Annotated[str | None, Query(alias="to", max_length=40, description="ISO 8601 or Unix seconds")]


@router.get("/devices", tags=["devices"])
def list_devices(
    viewer: CurrentViewer,
    session: Reading,
    text: Annotated[str, Query(max_length=100, description="in id, name, model or site")] = "",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[DeviceView]:
    """In order of id; an owner sees his own."""
    after = decode_cursor(cursor)
    rows = devices.visible_devices(session, viewer, text=text, after=after, limit=limit + 1)
    shown = rows[:limit]
    return Page(
        items=[device_view(seen) for seen in overviews(session, shown)],
        next_cursor=next_cursor(rows, limit, shown[-1].id if shown else None),
    )


@router.get("/devices/{device_id}", tags=["devices"])
def read_device(
    device_id: str, viewer: CurrentViewer, session: Reading, telemetry: Telemetry
) -> DeviceDetail:
    """Health, what is wrong, the open case, the latest values."""
    device = devices.visible_device(session, viewer, device_id)
    seen, limits = overview(session, device), devices.told_limits(device)
    return DeviceDetail(
        **device_view(seen).model_dump(),
        findings=[FindingView.model_validate(row) for row in seen.findings],
        latest=[
            LatestView(
                metric=row.metric,
                unit=row.unit,
                time=from_unix(row.time_s),
                value=row.value,
                limits=limits.get(row.metric),
            )
            for row in telemetry.latest(device_id)
        ],
    )


@router.get("/devices/{device_id}/telemetry", tags=["devices"])
def read_telemetry(
    *,
    device_id: str,
    viewer: CurrentViewer,
    session: Reading,
    telemetry: Telemetry,
    now: Now,
    metric: Annotated[str, Query(min_length=1, max_length=200)],
    since: From = None,
    until: To = None,
    points: Annotated[int, Query(ge=1, le=MAX_POINTS)] = 500,
) -> TelemetryView:
    """One metric in at most `points` buckets; the last 24 hours unless told otherwise."""
    devices.visible_device(session, viewer, device_id)
    begin, end = period(since, until, default=timedelta(hours=24), now=now)
    units = telemetry.metrics(device_id)
    if metric not in units:
        raise NotFound("the device has no such metric")
    from_s, to_s = begin.timestamp(), end.timestamp()
    found = telemetry.query(SeriesKey(device_id, metric), from_s=from_s, to_s=to_s, points=points)
    return TelemetryView(
        device_id=device_id,
        metric=metric,
        unit=units[metric],
        from_s=from_s,
        to_s=to_s,
        times_s=found.times_s.tolist(),
        min=found.minimum.tolist(),
        mean=found.mean.tolist(),
        max=found.maximum.tolist(),
        count=found.count.tolist(),
    )


@router.get("/devices/{device_id}/timeline", tags=["devices"])
def read_timeline(
    *,
    device_id: str,
    viewer: CurrentViewer,
    session: Reading,
    now: Now,
    since: From = None,
    until: To = None,
) -> TimelineView:
    """Findings, cases, reboots, firmware, tickets, visits and commands; 30 days unless told otherwise."""
    devices.visible_device(session, viewer, device_id)
    begin, end = period(since, until, default=timedelta(days=30), now=now)
    items = timeline(session, device_id, since=begin, until=end)
    return TimelineView(
        device_id=device_id,
        since=begin,
        until=end,
        items=[TimelineItemView.model_validate(item) for item in items],
    )


@router.get("/insight/proactive", tags=["insight"])
def read_proactive(
    _viewer: DeskViewer, session: Reading, now: Now, since: From = None, until: To = None
) -> ProactiveView:
    """How proactive we were over the last 90 days, unless told otherwise; null: nothing to count."""
    begin, end = period(since, until, default=timedelta(days=90), now=now)
    return ProactiveView.model_validate(proactive(session, since=begin, until=end))
