"""`/staff/devices…`: the fleet, and one page per device where everything shares one time axis."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from server.account import repository as accounts
from server.account.dependencies import DeskViewer
from server.account.viewer import Role, Viewer
from server.command import service as commands
from server.detection import repository as detection
from server.device import service as devices
from server.firmware import service as firmware
from server.incident import repository as incidents
from server.insight.timeline import timeline
from server.kit.clock import from_unix
from server.kit.errors import BadInput, Conflict
from server.kit.paging import Cursor, decode_cursor, next_cursor
from server.kit.web import Now, Reading, Writing
from server.pages.case_views import ranked
from server.pages.layout.charts import RANGES_S, Telemetry, charts
from server.pages.layout.forms import see
from server.pages.layout.rendering import page, reader
from server.pages.owner.views import device_views
from server.pages.staff.axis import lanes

router = APIRouter(prefix="/devices")

PAGE = 50


@router.get("")
def listing(
    request: Request,
    viewer: DeskViewer,
    session: Reading,
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Cursor = None,
) -> Response:
    rows = devices.visible_devices(
        session, viewer, text=q, after=decode_cursor(cursor), limit=PAGE + 1
    )
    shown = rows[:PAGE]
    return page(
        request,
        "staff/devices.html",
        user=viewer,
        rows=device_views(session, reader(request, viewer), shown),
        owners=accounts.users_by_ids(session, {d.owner_id for d in shown if d.owner_id}),
        q=q,
        older=next_cursor(rows, PAGE, shown[-1].id if shown else None),
    )


@router.get("/new")
def new(request: Request, viewer: DeskViewer, session: Reading) -> Response:
    return _new(request, viewer, session)


@router.post("/new")
def add(
    request: Request,
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    *,
    device_id: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    owner: Annotated[str, Form(max_length=20)] = "",
    model: Annotated[str, Form()] = "",
    site: Annotated[str, Form()] = "",
) -> Response:
    form = {
        "device_id": device_id,
        "name": name,
        "owner": owner,
        "model": model,
        "site": site,
    }
    try:
        device, secret = devices.add_device(
            session,
            device_id=device_id.strip(),
            name=name or None,
            owner_id=int(owner) if owner.isdigit() else None,
            model=model,
            site=site,
            now=now,
        )
    except BadInput as error:
        return _new(request, viewer, session, form=form, wrong=error.field)
    except Conflict:
        return _new(request, viewer, session, form=form, wrong="taken")
    return page(request, "staff/credentials.html", user=viewer, device=device, secret=secret)


@router.get("/{device_id}")
def show(
    request: Request,
    viewer: DeskViewer,
    session: Reading,
    store: Telemetry,
    now: Now,
    *,
    device_id: str,
    span: Annotated[str, Query(alias="range", pattern="^(24h|7d|30d|90d)$")] = "24h",
) -> Response:
    device = devices.visible_device(session, viewer, device_id)
    to_s = now.timestamp()
    from_s = to_s - RANGES_S[span]
    since = from_unix(from_s)
    found = detection.findings_of(session, device_id, since=since, until=now)
    seen_by = reader(request, viewer)
    [view] = device_views(session, seen_by, [device])
    items = timeline(session, device_id, since=since, until=now)
    return page(
        request,
        "staff/device.html",
        user=viewer,
        view=view,
        device=device,
        owner=accounts.user_by_id(session, device.owner_id) if device.owner_id else None,
        span=span,
        spans=list(RANGES_S),
        from_s=from_s,
        to_s=to_s,
        charts=charts(
            store,
            device_id,
            from_s=from_s,
            to_s=to_s,
            first={str(m) for f in found if f.ended_at is None for m in f.metrics},
        ),
        findings=ranked(found),
        bands=[
            {
                "from": f.onset_at.timestamp(),
                "to": f.ended_at.timestamp() if f.ended_at else None,
                "metrics": f.metrics,
            }
            for f in found
        ],
        lanes=lanes(seen_by, items, {f.id: f for f in ranked(found)}),
        active=incidents.active_on(session, device_id),
        outlook=next(iter(detection.outlooks(session, [device_id])), None),
        limits=devices.told_limits(device),
        units={str(sensor["name"]): str(sensor["unit"]) for sensor in device.sensors},
        images=firmware.images(session, after=None, limit=PAGE),
    )


@router.post("/{device_id}/revoke")
def revoke(viewer: DeskViewer, session: Writing, now: Now, device_id: str) -> Response:
    devices.visible_device(session, viewer, device_id)
    devices.revoke_device(session, device_id, now=now)
    return see(f"/staff/devices/{device_id}", "revoked")


@router.post("/{device_id}/secret")
def new_secret(
    request: Request, viewer: DeskViewer, session: Writing, now: Now, device_id: str
) -> Response:
    device = devices.visible_device(session, viewer, device_id)
    secret = devices.rotate_secret(session, device_id, now=now)
    return page(request, "staff/credentials.html", user=viewer, device=device, secret=secret)


@router.post("/{device_id}/read")
def read_now(viewer: DeskViewer, session: Writing, now: Now, device_id: str) -> Response:
    """Ask the device to send its readings at once."""
    commands.request(session, viewer, device_id, "read_now", {}, now=now)
    return see(f"/staff/devices/{device_id}", "asked_device")


@router.post("/{device_id}/firmware")
def update_firmware(
    viewer: DeskViewer,
    session: Writing,
    now: Now,
    *,
    device_id: str,
    sha256: Annotated[str, Form(max_length=64)],
    line: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Ask the device to write an image to one of its microcontrollers."""
    firmware.request_update(session, viewer, device_id, sha256, line=line.strip(), now=now)
    return see(f"/staff/devices/{device_id}", "asked_device")


def _new(
    request: Request,
    viewer: Viewer,
    session: Reading,
    *,
    form: dict[str, str] | None = None,
    wrong: str = "",
) -> Response:
    return page(
        request,
        "staff/device_new.html",
        user=viewer,
        status=422 if wrong else 200,
        owners=accounts.users(session, roles=(Role.OWNER,)),
        form=form or dict.fromkeys(("device_id", "name", "owner", "model", "site"), ""),
        wrong=wrong,
    )
