"""Devices and what they reported about themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.kit.database import Base

MAX_DEVICE_ID = 64
MAX_WORD = 128
MAX_NAME = 100
MAX_EVENT_KIND = 40


class Device(Base):
    """A device on record. `boot`, `firmware`, `sensors` are as its newest birth message said.

    `state_at` is the broker's arrival time of the newest state message applied, `born_s` the device's
    own time (Unix seconds) in its newest birth: the two tell a redelivered or outdated state.
    `topics` are filters beside its own topics that it may use, `gateway_id` is the device whose topics
    carry what it sends (`server.device.topics`). Until `paused_until` it is not let in: it sent more
    than its share.
    """

    __tablename__ = "device"

    id: Mapped[str] = mapped_column(String(MAX_DEVICE_ID), primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    model: Mapped[str] = mapped_column(String(MAX_WORD), default="")
    site: Mapped[str] = mapped_column(String(MAX_NAME), default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"), index=True)
    firmware: Mapped[str] = mapped_column(String(MAX_WORD), default="")
    agent_version: Mapped[str] = mapped_column(String(MAX_WORD), default="")
    secret_hash: Mapped[str] = mapped_column(String(64))
    mosquitto_hash: Mapped[str] = mapped_column(String(160), default="", server_default="")
    topics: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    gateway_id: Mapped[str | None] = mapped_column(ForeignKey("device.id"), index=True)
    created_at: Mapped[datetime]
    commissioned_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    online: Mapped[bool] = mapped_column(default=False)
    online_changed_at: Mapped[datetime | None]
    offline_reason: Mapped[str] = mapped_column(String(20), default="")
    last_seen_at: Mapped[datetime | None]
    boot: Mapped[str] = mapped_column(String(MAX_WORD), default="")
    born_s: Mapped[float | None]
    state_at: Mapped[datetime | None]
    sensors: Mapped[list[Any]] = mapped_column(default=list)


class DeviceEventRecord(Base):
    """Something that happened on a device, once: its kind, the device's own time, its detail."""

    __tablename__ = "device_event"
    __table_args__ = (
        UniqueConstraint("device_id", "fingerprint", name="uq_device_event_once"),
        Index("ix_device_event_device_at", "device_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    kind: Mapped[str] = mapped_column(String(MAX_EVENT_KIND))
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    fingerprint: Mapped[str] = mapped_column(String(64))


class DeviceEnrolment(Base):
    """A token that is worth a device's credentials once. `used_at` is also set when it is replaced."""

    __tablename__ = "device_enrolment"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("account_user.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
