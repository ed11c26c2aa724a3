"""What happens to a device that sends more than its share. Callers own the transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from prometheus_client import Counter
from sqlalchemy.orm import Session

from server.device import service as devices
from server.ingest import quarantine
from server.ingest.shares import Excess

log = logging.getLogger(__name__)

PAUSED = Counter("forewarn_devices_paused", "Devices shown out for more than their share")


def show_out(session: Session, over: Iterable[Excess], *, position: int, now: datetime) -> None:
    """For a while; what they sent is kept, and staff are told."""
    for excess in over:
        log.warning("device %s %s", excess.device_id, excess)
        PAUSED.inc()
        until = now + timedelta(seconds=excess.pause_s)
        devices.pause(session, excess.device_id, until=until, now=now)
        quarantine.notice(session, excess, position=position, at=now)
