"""What the broker and the server are told about this device: birth, will, farewell, outages."""

from collections.abc import Callable

import device_agent
from device_agent import log
from device_agent.outbox import Outbox
from device_agent.sensors.port import AnySource
from device_agent.settings import AgentSettings
from device_agent.uplink import Reason, Status
from device_agent.wire import DeviceEvent, DeviceState, SensorInfo, encode_state
from device_agent.wire.state import MAX_SENSORS


class Presence:
    """Answers the uplink's questions, on the uplink's thread."""

    def __init__(
        self,
        settings: AgentSettings,
        sources: list[AnySource],
        outbox: Outbox,
        *,
        boot: str,
        now: Callable[[], float],
        more_sensors: Callable[[], tuple[SensorInfo, ...]] = tuple,
    ) -> None:
        self._more_sensors = more_sensors
        self._settings = settings
        self._outbox = outbox
        self._boot = boot
        self._now = now
        self._sensors = tuple(
            SensorInfo(each.name, each.unit, each.kind, each.limits)
            for source in sources
            for each in source.descriptions
        )

    def state(self, status: Status, reason: Reason) -> bytes:
        """Give the state message: what this device is and, at birth, what it offers."""
        return encode_state(
            DeviceState(
                status=status,
                reason=reason,
                time_s=round(self._now(), 3),
                boot=self._boot,
                model=self._settings.model,
                firmware=self._settings.firmware,
                agent_version=device_agent.__version__,
                sensors=self._offered() if reason == "birth" else (),
            )
        )

    def _offered(self) -> tuple[SensorInfo, ...]:
        """Give what is offered by now; what microcontrollers announce later is in the next birth."""
        return (*self._sensors, *self._more_sensors())[:MAX_SENSORS]

    def announcements(self) -> list[tuple[str, bytes]]:
        """Give what Home Assistant is told of the sensors; nothing unless that is configured."""
        broker = self._settings.broker
        if not broker.home_assistant:
            return []
        from device_agent.uplink_discovery import announcements  # noqa: PLC0415 - rarely needed

        settings = self._settings
        return list(
            announcements(
                settings.device_id, settings.model, self._sensors, broker.home_assistant_prefix
            )
        )

    def on_connected(self, *, lost_at_s: float | None, reason: str, attempts: int) -> None:
        """Say that the link is up, and how long it was not."""
        if lost_at_s is None:
            log.info("link up")
        else:
            lasted_s = round(self._now() - lost_at_s, 3)
            log.info("link up", after_s=lasted_s, attempts=attempts, was=reason)
            self._outbox.post_event(
                DeviceEvent(
                    "link_fault",
                    lost_at_s,
                    {"lasted_s": lasted_s, "attempts": attempts, "reason": reason[:200]},
                )
            )
        self._outbox.report_dropped()
