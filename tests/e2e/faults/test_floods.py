"""Too much and too strange: a fleet that comes back at once, a device gone mad, clocks that jump, noise.

One product for all; each test prints what was sent, stored, quarantined, and the sums agree.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.e2e.faults.load import LONG, Desk, counted, fleet, metric
from tests.e2e.product import Product, running, wait_until
from tests.e2e.publisher import Publisher, pack

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

SHARE = 1_000
"""Samples a second that one device may send here."""
MUTATIONS = 1_000_000 if LONG else 2_000
STORM = 5_000 if LONG else 150
BURSTS, BURST_PACKS, BURST_SAMPLES = 3, 40, 100
"""Good load before and after the noise; the best of the bursts counts, whatever else the machine does."""


NOISY = [f"noisy-{number}" for number in range(8)]


def started(data: Path, share: int) -> Product:
    data.mkdir()
    (data / "forewarn.toml").write_text(f"device_samples_per_s = {share}\n")
    return Product(data)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running(started(tmp_path_factory.mktemp("floods") / "data", SHARE)) as product:
        yield Desk(product, "mad", "jumpy", "good", *NOISY)


@pytest.fixture
def noisy_desk(desk: Desk, tmp_path: Path) -> Iterator[Desk]:
    """A million messages are more than anybody's share: there the limit is off."""
    if not LONG:
        yield desk
        return
    with running(started(tmp_path / "data", 0)) as product:
        yield Desk(product, "good", *NOISY)


def test_a_fleet_that_comes_back_at_once(desk: Desk, tell: Callable[[str], None]) -> None:
    """Every connection is cut; all are let in again, each password checked, and nobody gets a ticket."""
    with fleet(
        desk.product, devices=STORM, prefix="storm", rate=STORM / 5, pack_samples=10,
        duration=8 if LONG else 5, storm_after=2, drain=120,
    ) as started:  # fmt: skip
        result = started.result(timeout_s=600)
    desk.settle()
    quarantined, incidents, tickets = counted(desk.product.data_dir, "storm-")
    assert (quarantined, incidents, tickets) == (0, 0, 0)
    some = [desk.stored(f"storm-{n:05}", "part/0") for n in (1, STORM)]
    assert all(count > 0 for count in some)
    assert result["packs_sent"] == result["packs_acknowledged"]
    if LONG:
        assert result["storm_s"] < 30
    tell(
        f"storm of {STORM}: all back after {result['storm_s']} s, first connected in "
        f"{result['connected_s']} s; {result['packs_acknowledged']} packs sent and acknowledged, "
        f"{tickets} tickets"
    )


def test_a_device_that_sends_a_thousand_times_its_share(
    desk: Desk, tell: Callable[[str], None]
) -> None:
    """It is shown out for a while; what it has acknowledged is stored; the others do not notice."""
    with Publisher(desk.product, "mad", desk.secrets["mad"]) as mad:
        mad.wait_connected()
        with fleet(
            desk.product, devices=20, prefix="calm", rate=40, pack_samples=10, duration=6
        ) as calm:
            sent = _rage(mad)
            wait_until(lambda: not mad.connected and mad.refused, "the mad device to be shown out")
            result = calm.result()
        acknowledged = mad.acknowledged
    desk.settle()
    assert result["reconnects"] == result["refused"] == 0
    assert result["packs_sent"] == result["packs_acknowledged"]
    kept = desk.stored("mad", "rage")
    # The broker may have stored what it had no time to acknowledge: kept as well.
    assert acknowledged * 1_000 <= kept <= sent * 1_000
    notices = _notices(desk, "mad")
    assert len(notices) == 1
    assert f"its share is {SHARE:,}" in notices[0]
    assert metric(desk.product, "forewarn_devices_paused_total") == 1
    tell(
        f"mad device: {acknowledged * 1_000} samples acknowledged, {kept} stored, then shown out; "
        f"others: PUBACK p99 {result['puback_ms']['p99']} ms, none reconnected"
    )


def _rage(mad: Publisher) -> int:
    """Packs of a thousand samples until somebody stops it; how many."""
    start_s, sent = time.time() - 86_400, 0
    while mad.connected and sent < 2_000:
        times = [start_s + sent + i / 1_000 for i in range(1_000)]
        mad.publish(pack([("rage", "V", t, 1.0 + sent % 7) for t in times]))
        sent += 1
        if sent % 10 == 0:
            wait_until(
                lambda: mad.unacknowledged < 20 or not mad.connected, "a PUBACK", every_s=0.002
            )
    return sent


def _notices(desk: Desk, device_id: str) -> list[str]:
    rows = desk.get("/api/v1/quarantine", device_id=device_id)["items"]
    return [row["reason"] for row in rows if row["field"] == "rate"]


def test_clocks_that_jump(desk: Desk, tell: Callable[[str], None]) -> None:
    """An hour ahead is quarantined, days back are stored late, and neither becomes the newest value."""
    now_s = time.time()
    jumps = (0.0, 3_600.0, -86_400.0, 30.0, -7 * 86_400.0, 7_200.0, 1.0)
    with Publisher(desk.product, "jumpy", desk.secrets["jumpy"]) as jumpy:
        jumpy.wait_connected()
        for number, jump_s in enumerate(jumps):
            jumpy.publish(
                pack([("clock", "V", now_s + jump_s, float(number))], boot="b", seq=number)
            )
        jumpy.wait_acknowledged()
    desk.settle()
    quarantined, incidents, _ = counted(desk.product.data_dir, "jumpy")
    kept = desk.stored("jumpy", "clock")
    assert (kept, quarantined) == (5, 2)
    assert kept + quarantined == len(jumps)
    assert incidents == 0
    (latest,) = desk.get("/api/v1/devices/jumpy")["latest"]
    assert latest["value"] == 3.0, "thirty seconds ahead is the newest that is believed"
    tell(f"clock jumps: {len(jumps)} sent, {kept} stored, {quarantined} quarantined")


def test_noise_and_mutations(noisy_desk: Desk, tell: Callable[[str], None]) -> None:
    """Every payload is stored, kept in quarantine or counted there; good messages get through after."""
    random, desk = Random(11), noisy_desk
    rate_before = _best_rate(desk)
    accepted = metric(desk.product, 'forewarn_messages_total{outcome="accepted"}')
    paused = metric(desk.product, "forewarn_devices_paused_total")
    began_s = time.monotonic()
    _send(desk, (_mutated(random, number) for number in range(MUTATIONS)))
    desk.settle(timeout_s=3_600 if LONG else 120)
    took_s = time.monotonic() - began_s
    refused, _, _ = counted(desk.product.data_dir, "noisy-")
    taken = metric(desk.product, 'forewarn_messages_total{outcome="accepted"}') - accepted - 1
    assert taken + refused == MUTATIONS
    assert refused > MUTATIONS / 2
    assert metric(desk.product, "forewarn_devices_paused_total") == paused
    rate_after = _best_rate(desk)
    stored = desk.stored("good", "part")
    tell(
        f"noise: {MUTATIONS} sent in {took_s:.0f} s, {taken:.0f} taken as they are, {refused} "
        f"quarantined or counted; the pipeline's rate {rate_before:,.0f} samples/s before, "
        f"{rate_after:,.0f} after; {stored} good samples, all stored"
    )
    assert stored == 2 * BURSTS * BURST_PACKS * BURST_SAMPLES
    assert rate_after > rate_before / 3


def _best_rate(desk: Desk) -> float:
    """Samples the pipeline does in a second of its own time, at its best burst of good load."""
    return max(_rate_of_a_burst(desk) for _ in range(BURSTS))


def _rate_of_a_burst(desk: Desk) -> float:
    begin_s = time.time() - 3_600  # each burst is of another time
    names = 'forewarn_samples_total{outcome="stored"}', "forewarn_batch_seconds_sum"
    before = [metric(desk.product, name) for name in names]
    with Publisher(desk.product, "good", desk.secrets["good"]) as good:
        good.wait_connected()
        for number in range(BURST_PACKS):
            times = [begin_s + number + i / BURST_SAMPLES for i in range(BURST_SAMPLES)]
            good.publish(pack([("part", "V", t, 1.0 + number % 7) for t in times]))
        good.wait_acknowledged()
    desk.settle()
    stored, busy_s = (metric(desk.product, n) - b for n, b in zip(names, before, strict=True))
    return stored / busy_s


def _send(desk: Desk, payloads: Iterable[bytes]) -> None:
    """Spread over the noisy devices."""
    publishers = [Publisher(desk.product, name, desk.secrets[name]) for name in NOISY]
    for publisher in publishers:
        publisher.__enter__()
        publisher.wait_connected()
    try:
        for number, payload in enumerate(payloads):
            publisher = publishers[number % len(publishers)]
            publisher.publish(payload, leaf=("telemetry", "events", "state", "results")[number % 4])
            if number % 100 == 99:
                wait_until(lambda p=publisher: p.unacknowledged < 100, "PUBACKs", every_s=0.005)
        for publisher in publishers:
            publisher.wait_acknowledged(timeout_s=600)
    finally:
        for publisher in publishers:
            publisher.__exit__(None, None, None)


def _mutated(random: Random, number: int) -> bytes:
    """Noise, or a good pack in JSON or CBOR with bytes changed, lost, doubled or cut off."""
    kind = random.randrange(4)
    if kind == 0:
        return random.randbytes(random.randrange(200))
    good = bytearray(
        json.dumps(
            [{"n": f"m/{number % 3}", "u": "V", "t": time.time() - number, "v": random.random()}]
        ).encode()
        if kind < 3
        else b"\x81\xa3\x00\x63m/0\x02\xf9\x3c\x00\x06\x1a\x6a\x00\x00\x00"
    )
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(good))
        change = random.randrange(4)
        if change == 0:
            good[place] = random.randrange(256)
        elif change == 1:
            del good[place]
        elif change == 2:
            good[place:place] = good[place : place + random.randrange(8)]
        else:
            del good[place:]
        if not good:
            break
    return bytes(good)
