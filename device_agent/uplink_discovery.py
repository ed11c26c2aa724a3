"""Home Assistant's MQTT discovery: the same sensors in the owner's own Home Assistant.

One retained message for each number this device measures. Home Assistant takes values straight out of
the telemetry, which therefore must be plain JSON, and availability out of the state. The broker must
let the device publish below the prefix: an owner's own one does, the server's does not.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from device_agent.sensors.port import slug
from device_agent.wire import SensorInfo, device_topic

_CLASSES: Final = {
    "Cel": ("temperature", "°C"),
    "%RH": ("humidity", "%"),
    "V": ("voltage", "V"),
    "A": ("current", "A"),
    "W": ("power", "W"),
    "J": ("energy", "J"),
    "Pa": ("pressure", "Pa"),
    "Hz": ("frequency", "Hz"),
    "lx": ("illuminance", "lx"),
    "B": ("data_size", "B"),
    "bit/s": ("data_rate", "bit/s"),
    "s": ("duration", "s"),
    "dBW": (None, "dBW"),
}


def announcements(
    device_id: str, model: str, sensors: tuple[SensorInfo, ...], prefix: str
) -> Iterator[tuple[str, bytes]]:
    """Give (topic, payload) for every sensor."""
    device = {"identifiers": [f"forewarn_{device_id}"], "name": device_id, "model": model}
    for sensor in sensors:
        object_id = slug(sensor.name).replace(".", "_")
        kind, unit = _CLASSES.get(sensor.unit, (None, None))
        config: dict[str, Any] = {
            "name": sensor.name,
            "unique_id": f"forewarn_{device_id}_{object_id}",
            "state_topic": device_topic(device_id, "telemetry"),
            # A pack need not hold every metric: what it lacks stays as it was.
            "value_template": (
                f"{{{{ value_json | selectattr('n', 'defined') | selectattr('n', 'eq', '{sensor.name}')"
                " | map(attribute='v') | list | last | default(this.state) }}"
            ),
            "availability_topic": device_topic(device_id, "state"),
            "availability_template": "{{ value_json.status }}",
            "state_class": "measurement",
            "device": device,
        }
        if kind:
            config["device_class"] = kind
        if unit:
            config["unit_of_measurement"] = unit
        yield (
            f"{prefix}/sensor/forewarn_{device_id}/{object_id}/config",
            msgspec.json.encode(config),
        )
