"""Commands in the JSON API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from server.account import Role
from server.command.service import DEFAULT_EXPIRES_IN_S, MAX_ARGS, MAX_EXPIRES_IN_S
from server.command.states import CommandStatus

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr | None


class CommandRequest(BaseModel):
    """What a device is asked to do; it runs only what its own configuration allows."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9_.]{1,64}$", examples=["read_now"])]
    args: Annotated[dict[str, Scalar], Field(max_length=MAX_ARGS)] = {}
    expires_in_s: Annotated[float, Field(ge=1, le=MAX_EXPIRES_IN_S)] = DEFAULT_EXPIRES_IN_S


class CommandView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    device_id: str
    name: str
    args: dict[str, Scalar]
    requested_by: int | None
    requested_role: Role | None
    created_at: datetime
    expires_at: datetime
    status: CommandStatus
    attempts: int
    sent_at: datetime | None
    output: dict[str, Scalar] | None
    finished_at: datetime | None
