"""Real machine faults through the whole product: SKAB's valve runs, replayed over MQTT.

Each run is a device of its own: the anomaly-free recording first, as its commissioning, then the run.
The labels are read only to judge the outcome; detectors never see them.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.e2e.product import Product, all_items, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow, pytest.mark.data]

RUNS = range(16)
ADMIN = "admin@example.org"
EARLY_S, LATE_S = 30.0, 300.0
"""An onset so long before or after a labelled changepoint is near it."""


@dataclass(frozen=True)
class Run:
    """What the labels say of one recording, in Unix seconds."""

    first_s: float
    last_s: float
    changepoints_s: tuple[float, ...]
    anomalous_s: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """What became of one run."""

    name: str
    onsets_s: list[float]
    run: Run

    @property
    def begin_s(self) -> float:
        return self.run.anomalous_s[0]

    @property
    def near_s(self) -> float | None:
        """Delay of the first onset near the start of the labelled anomaly."""
        delays = [onset - self.begin_s for onset in self.onsets_s]
        return next((d for d in sorted(delays) if -EARLY_S <= d <= LATE_S), None)

    @property
    def too_early(self) -> int:
        return sum(onset < self.begin_s - EARLY_S for onset in self.onsets_s)


def unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def read(file: Path) -> Run:
    with gzip.open(file, "rt") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    times = [unix(row["datetime"]) for row in rows]
    marked = list(zip(times, rows, strict=True))
    return Run(
        times[0],
        times[-1],
        tuple(t for t, row in marked if float(row.get("changepoint") or 0)),
        tuple(t for t, row in marked if float(row.get("anomaly") or 0)),
    )


def replay(product: Product, file: Path, device: str, *labels: str) -> None:
    skipped = [word for label in labels for word in ("--skip", label)]
    product.cli("replay", str(file), "--device", device, "--time", "datetime", *skipped)


@pytest.fixture(scope="module")
def admin(product: Product) -> Iterator[httpx.Client]:
    product.add_user(ADMIN, "admin")
    with product.api(product.token(ADMIN)) as client:
        yield client


def wait_stored(admin: httpx.Client, device: str, last_s: float) -> None:
    def newest_s() -> float:
        answer = admin.get(f"/api/v1/devices/{device}")
        times = (
            [row["time"] for row in answer.json().get("latest", [])] if answer.is_success else []
        )
        return max((datetime.fromisoformat(t).timestamp() for t in times), default=0)

    wait_until(lambda: newest_s() >= last_s, f"{device} to be stored", every_s=0.2)


def onsets_s(admin: httpx.Client, device: str) -> list[float]:
    rows = all_items(admin, "/api/v1/incidents", device=device)
    return sorted(datetime.fromisoformat(row["onset_at"]).timestamp() for row in rows)


def test_valve_faults_open_incidents(
    product: Product,
    admin: httpx.Client,
    shared_data: Path,
    tell: Callable[[str], None],
) -> None:
    healthy_file = shared_data / "skab" / "anomaly-free" / "anomaly-free.csv.gz"
    healthy = read(healthy_file)
    rows = []
    for number in RUNS:
        file = shared_data / "skab" / "valve1" / f"{number}.csv.gz"
        device, run = f"valve1-{number}", read(file)
        replay(product, healthy_file, device)
        replay(product, file, device, "anomaly", "changepoint")
        wait_stored(admin, device, run.last_s)
        rows.append(Row(device, [t for t in onsets_s(admin, device) if t >= run.first_s], run))
    half_s = (healthy.first_s + healthy.last_s) / 2
    false = [t for row in rows for t in onsets_s(admin, row.name) if half_s <= t <= healthy.last_s]
    tell(table(rows, len(false)))
    assert false == [], "an incident on the second half of the anomaly-free recording"
    assert sum(row.near_s is not None for row in rows) >= 0.75 * len(rows)


def table(rows: list[Row], false: int) -> str:
    lines = [
        "",
        "| run | first onset near the label, s after it | incidents before it |",
        "|---|---|---|",
    ]
    for row in rows:
        near = "none" if row.near_s is None else f"{row.near_s:+.0f}"
        lines.append(f"| {row.name} | {near} | {row.too_early} |")
    hit = sum(row.near_s is not None for row in rows)
    early = sum(row.too_early for row in rows)
    lines.append(
        f"near in {hit} of {len(rows)} runs; {early} incidents before the label; "
        f"{false} on the anomaly-free second half"
    )
    return "\n".join(lines)
