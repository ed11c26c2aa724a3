"""The main job, from outside: a sensor goes wrong on a device, its owner sees a ticket on a page."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import program
from tests.e2e.product import BIN, HANG_GUARD_S, PASSWORD, Product, environment, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.browser, pytest.mark.slow]

OWNER = "olga@example.org"
DEVICES = ("boiler-1", "boiler-2", "boiler-3")
PERIOD_S = 0.2

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

CONFIG = """\
device_id = "{device}"
[broker]
host = "{host}"
port = {port}
password = "{password}"
[spool]
directory = "{folder}/spool"
[packs]
max_age_s = 0.1
[[sensors.file]]
name = "room/humidity"
path = "{folder}/humidity"
unit = "%RH"
period_s = {period_s}
"""


class Agent:
    """`forewarn-agent run` on a device whose humidity sensor is a file."""

    def __init__(self, product: Product, device: str, folder: Path) -> None:
        folder.mkdir()
        self.device = device
        self._sensor = folder / "humidity"
        self.measure(51.5)
        self.config = folder / "agent.toml"
        self.config.write_text(
            CONFIG.format(
                device=device,
                host=product.mqtt_host,
                port=product.mqtt_port,
                password=product.add_device(device, owner=OWNER),
                folder=folder,
                period_s=PERIOD_S,
            )
        )
        self._log = folder / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None

    def measure(self, humidity: float) -> None:
        """What the sensor reads from now on; the file is replaced whole."""
        draft = self._sensor.with_suffix(".new")
        draft.write_text(f"{humidity}\n")
        draft.replace(self._sensor)

    def __enter__(self) -> Self:
        command = [str(BIN / "forewarn-agent"), "run", "--config", str(self.config)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment()
            )
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(15) == 0, self._log.read_text()


@pytest.fixture
def page() -> Iterator[Page]:
    """A phone."""
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=CHROMIUM_FLAGS
        )
        stack.callback(browser.close)
        context = browser.new_context(viewport={"width": 390, "height": 844})
        stack.callback(context.close)
        opened = context.new_page()
        opened.set_default_timeout(HANG_GUARD_S * 1000)
        yield opened


def sign_in(page: Page, product: Product) -> None:
    page.goto(f"{product.http_url}/")
    page.get_by_label("E-mail").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def test_fault_becomes_a_ticket_on_the_owners_page(
    product: Product, page: Page, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    product.add_user(OWNER, "owner")
    delays_s = []
    with ExitStack() as stack, product.api(product.token(OWNER)) as owner:
        agents = [Agent(product, device, tmp_path / device) for device in DEVICES]
        for agent in agents:
            stack.enter_context(agent)
        for device in DEVICES:
            wait_until(
                lambda d=device: "room/humidity" in owner.get(f"/api/v1/devices/{d}").text,
                f"the first reading of {device}",
            )
        sign_in(page, product)
        tickets = page.locator('main a[href^="/cases/"]')
        for count, agent in enumerate(agents, start=1):
            agent.measure(171.0)
            began_s = time.monotonic()
            expect(tickets).to_have_count(count, timeout=HANG_GUARD_S * 1000)
            delays_s.append(time.monotonic() - began_s)
        tickets.first.click()
        expect(page.get_by_role("main")).to_contain_text("humidity")
    tell(
        f"sensor to ticket on the page: median {statistics.median(delays_s):.2f} s of "
        f"{[round(delay, 2) for delay in delays_s]}; the detector waits for 3 readings, {PERIOD_S} s apart"
    )
