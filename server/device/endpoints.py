"""Enrolment: staff make tokens, devices exchange them for credentials."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request

from server.account.dependencies import DeskViewer
from server.device import enrolment
from server.device.enrolment_limiter import EnrolmentLimiter
from server.device.schemas import CredentialsView, EnrolmentRequest, EnrolmentView, EnrolRequest
from server.kit.web import AppSettings, Now, Writing

router = APIRouter(tags=["enrolment"])


def enrolment_limiter(request: Request) -> EnrolmentLimiter:
    return cast("EnrolmentLimiter", request.app.state.enrolment_limiter)


Limiter = Annotated[EnrolmentLimiter, Depends(enrolment_limiter)]


@router.post("/enrolments", status_code=201)
def make_token(
    body: EnrolmentRequest, viewer: DeskViewer, session: Writing, now: Now
) -> EnrolmentView:
    """Make a token for one device; it is worth that device's credentials once."""
    token, expires_at = enrolment.make_token(
        session,
        body.device_id,
        claim_code=body.claim_code,
        valid_s=body.valid_s,
        created_by=viewer.user_id,
        now=now,
    )
    return EnrolmentView(device_id=body.device_id, token=token, expires_at=expires_at)


@router.post("/enrol")
def enrol(
    body: EnrolRequest,
    request: Request,
    session: Writing,
    now: Now,
    settings: AppSettings,
    limiter: Limiter,
) -> CredentialsView:
    """Exchange a token for credentials, without signing in: the token is the proof."""
    limiter.take(request.client.host if request.client else "", now=now)
    found = enrolment.enrol(session, body.token, now=now)
    return CredentialsView(
        device_id=found.device_id,
        username=found.username,
        password=found.password,
        mqtt_url=enrolment.mqtt_url(settings, request.url.hostname or settings.host),
    )
