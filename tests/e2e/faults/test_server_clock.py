"""The server's clock is set forward and back while telemetry flows: nothing is lost, nothing is invented.

The real `forewarn up`, with a library before libc that adds to the time of day what the test says. The
embedded broker is a static program and keeps the true time: there the server's clock and that of arrivals
differ, as on two machines. With Mosquitto arrivals are stamped by the server itself, and step with it.
"""

from __future__ import annotations

import contextlib
import re
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.conftest import program
from tests.e2e.faults.load import ADMIN, Desk, counted, metric
from tests.e2e.product import PASSWORD, Product, running, wait_until
from tests.e2e.publisher import Publisher, pack
from tests.mosquitto import Mosquitto

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.needs("gcc", "mosquitto"),
]

HOUR_S = 3_600
STEPS_S = (HOUR_S, -HOUR_S, 2 * 86_400, 0)
"""What the server's clock is ahead of the true time, one after the other."""
PACKS = 10
"""Processed before the next step, at least."""


class SteppedClock:
    """The time of day of one process, to be set while it runs."""

    def __init__(self, file: Path, library: Path) -> None:
        self._file = file
        self.set(0)
        self.variables = {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(file)}

    def set(self, ahead_s: float) -> None:
        with self._file.open("r+b" if self._file.exists() else "xb") as page:
            page.write(struct.pack("d", ahead_s))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, needs: Callable[[str], Path]) -> Path:
    made = tmp_path_factory.mktemp("clock") / "stepped_clock.so"
    source = Path(__file__).with_name("stepped_clock.c")
    flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(made))
    subprocess.run([needs("gcc"), *flags, str(source), "-ldl", "-lm"], check=True)
    return made


@pytest.fixture(params=["broker", "server"])
def stepped(
    request: pytest.FixtureRequest, tmp_path: Path, library: Path
) -> Iterator[tuple[Product, SteppedClock]]:
    data = tmp_path / "data"
    data.mkdir()
    lines = ["silence_tick_s = 0.2", "checkpoint_interval_s = 0.5"]
    with contextlib.ExitStack() as stack:
        if request.param == "server":
            found = program("mosquitto")
            assert found is not None
            broker = stack.enter_context(Mosquitto(found, tmp_path / "mosquitto"))
            lines.append(f'mqtt_url = "{broker.url}"')
        (data / "forewarn.toml").write_text("\n".join(lines) + "\n")
        clock = SteppedClock(tmp_path / "ahead", library)
        yield stack.enter_context(running(Product(data, **clock.variables))), clock


def test_steps(
    stepped: tuple[Product, SteppedClock],
    tell: Callable[[str], None],
    request: pytest.FixtureRequest,
) -> None:
    product, clock = stepped
    arrivals = request.node.callspec.id
    desk = Desk(product, "steady", "rare", "ill")
    with signed_in(product) as session, contextlib.ExitStack() as devices:
        rare, ill = (Publisher(product, name, desk.secrets[name]) for name in ("rare", "ill"))
        # One that is ill before any of it, and one that says little: neither gives news later.
        for device, value in (
            (devices.enter_context(ill), 140.0),
            (devices.enter_context(rare), 40.0),
        ):
            device.wait_connected()
            for number in range(5):
                at_s = time.time() - 50 + 10 * number
                device.publish(pack([("room/humidity", "%RH", at_s, value)]))
        (ticket,) = wait_until(lambda: desk.get("/api/v1/tickets")["items"], "a ticket")
        steady = devices.enter_context(Steady(product, desk.secrets["steady"]))
        for number, ahead_s in enumerate(STEPS_S, 1):
            clock.set(ahead_s)
            wait_until(lambda a=ahead_s: abs(ahead(product) - a) < 10, "the clock to be set")
            wait_until(
                lambda n=number: product.log().count("clock was set") >= n, "the step to be said"
            )
            before = answered(product)
            wait_until(lambda b=before: answered(product) >= b + PACKS, "telemetry to flow on")
            with Publisher(product, "rare", desk.secrets["rare"], client_id="again") as again:
                again.wait_connected()
            assert session.get("/staff/queue").status_code == 200, "signed in as before"
            assert product.healthy()
        sent = steady.stop()
        desk.settle()
    stored = desk.stored("steady", "clock")
    quarantined, *_ = counted(product.data_dir, "steady")
    tell(
        f"server's clock set {len(STEPS_S)} times (arrivals by the {arrivals}): {sent} samples sent, "
        f"{stored} stored, {quarantined} quarantined"
    )
    assert stored + quarantined == sent
    # To a server that is late they are of the future: kept, counted, not believed.
    assert (quarantined >= PACKS) if arrivals == "server" else (quarantined == 0)
    (latest,) = desk.get("/api/v1/devices/steady")["latest"]
    assert latest["value"] == sent - 1
    findings = [(i["device_id"], i["kind"]) for i in desk.get("/api/v1/incidents")["items"]]
    assert findings == [("ill", "out_of_range")], "nothing is invented: not silence either"
    now = desk.get(f"/api/v1/tickets/{ticket['id']}")
    for key in ("state", "due_at", "promised_at"):
        assert now[key] == ticket[key]
    assert metric(product, "forewarn_sample_age_seconds_sum") >= 0


class Steady:
    """A device whose own clock is right, ten readings a second; `stop` tells how many."""

    def __init__(self, product: Product, password: str) -> None:
        self._publisher = Publisher(product, "steady", password)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._sent = 0

    def __enter__(self) -> Self:
        self._publisher.__enter__()
        self._publisher.wait_connected()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._publisher.__exit__()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            self._publisher.publish(pack([("clock", "V", time.time(), float(self._sent))]))
            self._sent += 1

    def stop(self) -> int:
        self._stopping.set()
        self._thread.join()
        self._publisher.wait_acknowledged()
        return self._sent


def ahead(product: Product) -> float:
    """The server's clock by its answers, against ours, in seconds."""
    with product.api() as client:
        stamp = client.get("/healthz").headers["Date"]
    return parsedate_to_datetime(stamp).timestamp() - time.time()


def answered(product: Product) -> float:
    """Messages that the pipeline is done with."""
    outcomes = ("accepted", "refused", "duplicate")
    return sum(metric(product, f'forewarn_messages_total{{outcome="{o}"}}') for o in outcomes)


@contextlib.contextmanager
def signed_in(product: Product) -> Iterator[httpx.Client]:
    """With a session that began when the clock was right."""
    with httpx.Client(base_url=product.http_url, timeout=30, trust_env=False) as client:
        page = client.get("/sign-in").text
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
        answer = client.post("/sign-in", data={**hidden, "email": ADMIN, "password": PASSWORD})
        assert answer.status_code in {200, 303}
        yield client
