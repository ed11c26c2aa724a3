"""`forewarn demo`: a living fleet with something to look at, soon after it says that it is ready."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.product import Product, all_items, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

WATCHED_S = 90.0
START_S = 240.0
STAFF = re.compile(r"[\w.+-]*(?:admin|staff)[\w.+-]*@[\w.-]+(?=\s)")


def test_fleet_has_tickets_and_a_job(tmp_path: Path, tell: Callable[[str], None]) -> None:
    product = Product(tmp_path / "demo", "--no-browser", command="demo")
    began_s = time.monotonic()
    try:
        product.start(timeout_s=START_S)
        ready_s = time.monotonic() - began_s
        # Whoever acts on the ready line may be quicker than the sign-ins printed after it.
        admin = wait_until(lambda: STAFF.search(product.output()), "a sign-in for staff")[0]
        with product.api(product.token(admin)) as client:
            wait_until(
                lambda: enough(client), "two tickets and a job", timeout_s=WATCHED_S, every_s=1
            )
            tickets, jobs = counts(client)
            devices = all_items(client, "/api/v1/devices")
        model = devices[0]["model"].lower()
        beside = product.cli("tune", "replay", model, "--caution", "2", "--days", "3")
        assert "caution 2" in beside, "a running server replays for the command line"
        assert len(devices) >= 12
        assert len(tickets_devices(product, admin)) <= len(devices) / 2, (
            "a healthy fleet around them"
        )
    finally:
        if product.running:
            product.stop()
    tell(f"demo: ready after {ready_s:.0f} s with {tickets} tickets, {jobs} jobs")


def counts(client: httpx.Client) -> tuple[int, int]:
    return len(all_items(client, "/api/v1/tickets")), len(all_items(client, "/api/v1/jobs"))


def enough(client: httpx.Client) -> bool:
    tickets, jobs = counts(client)
    return tickets >= 2 and jobs >= 1


def tickets_devices(product: Product, admin: str) -> set[str]:
    with product.api(product.token(admin)) as client:
        return {ticket["device_id"] for ticket in all_items(client, "/api/v1/tickets")}
