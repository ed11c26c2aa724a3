"""One short MQTT session: log in, publish an event, see it acknowledged."""

import queue
import time
from dataclasses import replace
from typing import Final, Literal

from device_agent.link import Acked, Connected, Link, LinkEvent, Lost
from device_agent.settings import AgentSettings
from device_agent.wire import DeviceEvent, encode_event
from device_agent.wire.text import clean

Fault = Literal["", "connect", "auth", "publish"]
_SUFFIX: Final = "-doctor"


def publish_once(settings: AgentSettings, password: str, *, timeout_s: float) -> tuple[Fault, str]:
    """Give where it failed and why; ("", "") if it did not."""
    events: queue.SimpleQueue[LinkEvent] = queue.SimpleQueue()
    broker = replace(settings.broker, username=settings.broker.username or settings.device_id)
    link = Link(
        broker,
        device_id=settings.device_id,
        client_id=f"{settings.device_id[:50]}{_SUFFIX}",
        password=password,
        will=None,
        notify=lambda _link, event: events.put(event),
    )
    try:
        link.open()
    except (OSError, ValueError) as error:
        return "connect", clean(str(error))
    try:
        answer = _next(events, timeout_s)
        if isinstance(answer, Lost):
            return ("auth" if answer.is_refused else "connect"), answer.reason
        if not isinstance(answer, Connected):
            return "connect", "no answer to CONNECT"
        event = DeviceEvent("doctor", round(time.time(), 3), {"asked": "publish"})
        mid = link.publish("events", encode_event(event))
        answer = _next(events, timeout_s)
        if answer == Acked(mid):
            return "", ""
        return "publish", answer.reason if isinstance(answer, Lost) else "no acknowledgement"
    finally:
        link.close()


def _next(events: "queue.SimpleQueue[LinkEvent]", timeout_s: float) -> LinkEvent | None:
    try:
        return events.get(timeout=timeout_s)
    except queue.Empty:
        return None
