"""Enrolment in the JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.device.enrolment import DEFAULT_VALID_S, MAX_VALID_S


class EnrolmentRequest(BaseModel):
    """A token for a device on record; with `claim_code`, the one that the device shows."""

    model_config = ConfigDict(extra="forbid")

    device_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    claim_code: Annotated[str | None, Field(max_length=80)] = None
    valid_s: Annotated[float, Field(ge=60, le=MAX_VALID_S)] = DEFAULT_VALID_S


class EnrolmentView(BaseModel):
    """`token` can't be shown again."""

    device_id: str
    token: str
    expires_at: datetime


class EnrolRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=80)]


class CredentialsView(BaseModel):
    device_id: str
    username: str
    password: str
    mqtt_url: str
