"""What load is wanted: one frozen, checked description."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from server.bench.errors import BenchError
from server.kit.text import one_line

MOST_DEVICES = 20_000
MOST_SAMPLES_A_PACK = 10_000
MOST_IN_FLIGHT = 1_000


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Raises BenchError, naming the value and what is accepted."""

    host: str
    port: int
    pack_samples: int = 100
    """Samples in one message."""
    metrics: int = 10
    """Of each device; a pack holds `pack_samples / metrics` times of each."""
    packs_per_s: float = 0.0
    """Of the whole fleet; 0: as fast as they are acknowledged."""
    duration_s: float = 30.0
    in_flight: int = 20
    """Messages of one device that wait for their PUBACK at most."""
    storm_after_s: float | None = None
    """Then all connections are dropped at once, and all devices come back at once."""
    subscribe_qos: int = 0
    """At which devices listen to their commands; the agent's is 0."""
    drain_s: float = 60.0
    """Patience with what is not acknowledged at the end."""
    settle_s: float = 0.0
    """All are connected and none sends: so long before the first pack and after the last PUBACK."""
    keepalive_s: int = 60

    def __post_init__(self) -> None:
        self._require("pack-samples", self.pack_samples, 1, MOST_SAMPLES_A_PACK)
        self._require("metrics", self.metrics, 1, 1_000)
        self._require("rate", self.packs_per_s, 0, 1e6)
        self._require("duration", self.duration_s, 0.1, 7 * 86_400)
        self._require("in-flight", self.in_flight, 1, MOST_IN_FLIGHT)
        self._require("settle", self.settle_s, 0, 3_600)
        self._require("subscribe-qos", self.subscribe_qos, 0, 1)
        if self.pack_samples % self.metrics and self.metrics < self.pack_samples:
            raise BenchError(
                f"--pack-samples {self.pack_samples} must be a multiple of --metrics {self.metrics}"
            )

    @staticmethod
    def _require(name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            raise BenchError(f"--{name} must be {low:g} to {high:g} (given: {value:g})")


def address(url: str) -> tuple[str, int]:
    """Host and port of ``mqtt://host:port``; raises BenchError."""
    parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    try:
        port = parts.port or 1883
    except ValueError:
        port = -1
    if parts.scheme != "mqtt" or not parts.hostname or port == -1:
        raise BenchError(f"{one_line(url)!r} is not a broker's address; write mqtt://host:1883")
    return parts.hostname, port
