"""kill -9 of the server and of the broker at random moments under load: what was sent is stored, each once."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pytest

from tests.e2e.faults.load import LONG, Desk, fleet, kept, wait_flowing
from tests.e2e.product import Product, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

LOAD_S = 300 if LONG else 8
PAUSES_S = (2.0, 12.0) if LONG else (1.0, 3.0)
DEVICES, RATE, PACK = 20, 60, 10
SEED = 5


def test_kills_at_random(forewarn_up: Callable[..., Product], tell: Callable[[str], None]) -> None:
    random = Random(SEED)
    product = forewarn_up()
    desk = Desk(product)
    killed: list[str] = []
    with fleet(
        product, devices=DEVICES, rate=RATE, pack_samples=PACK, duration=LOAD_S, drain=120
    ) as load:
        wait_flowing(product)
        until_s = time.monotonic() + LOAD_S
        while time.monotonic() < until_s:
            time.sleep(random.uniform(*PAUSES_S))
            what = random.choice(("server", "broker"))
            killed.append(what)
            if what == "server":
                product.kill()
                product.start()
            else:
                product.kill_broker()
                wait_until(product.healthy, "the broker to be back")
        result = load.result(timeout_s=300)
    desk.settle()
    assert product.stop() == 0
    found = kept(product.data_dir, "load-")
    sent = result["packs_sent"] * PACK
    assert result["packs_acknowledged"] == result["packs_sent"]
    assert (found.samples, found.distinct, found.quarantined) == (sent, sent, 0)
    assert len(killed) >= 2
    tell(
        f"{len(killed)} kills in {LOAD_S} s ({killed.count('server')} of the server, "
        f"{killed.count('broker')} of the broker): {sent} samples sent, {found.samples} stored, "
        f"{found.distinct} distinct, {result['packs_resent']} packs sent again, 0 quarantined"
    )
