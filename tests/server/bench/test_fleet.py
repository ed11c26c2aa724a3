"""The load generator: what it says, what it owes, and a real broker that it comes back to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device_agent.wire import decode_pack
from server.bench import BenchError, Credential, Fleet, FleetPlan, read_credentials
from server.bench.payloads import PayloadMaker
from server.bench.plan import address
from server.broker import Broker, BrokerSettings, Grant

NOW_S = 1_790_000_000.0


def test_payload_is_a_pack_that_ends_when_it_says() -> None:
    maker = PayloadMaker(pack_samples=100, metrics=10, interval_s=0.5, boot="b1")
    pack = decode_pack(maker.payload(3, 7, NOW_S), device_id="d", received_s=NOW_S)
    assert (pack.boot, pack.seq, len(pack)) == ("b1", 7, 100)
    assert max(pack.times_s) == NOW_S
    assert sorted({round(NOW_S - t, 6) for t in pack.times_s}) == [i * 0.5 for i in range(10)]
    assert len(set(pack.names)) == 10
    assert len(set(pack.values)) > 50


def test_fewer_samples_than_metrics() -> None:
    maker = PayloadMaker(pack_samples=3, metrics=10, interval_s=1, boot="b")
    assert (maker.metrics, maker.times) == (3, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pack_samples": 0}, "--pack-samples must be 1 to"),
        ({"pack_samples": 15, "metrics": 10}, "multiple of --metrics"),
        ({"metrics": 0}, "--metrics must be"),
        ({"packs_per_s": -1.0}, "--rate must be"),
        ({"in_flight": 0}, "--in-flight must be"),
        ({"settle_s": -1.0}, "--settle must be"),
        ({"subscribe_qos": 2}, "--subscribe-qos must be"),
    ],
)
def test_impossible_plan(given: dict[str, float], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        FleetPlan("127.0.0.1", 1883, **given)  # type: ignore[arg-type]


def test_addresses() -> None:
    assert address("mqtt://[::1]:77") == ("::1", 77)
    assert address("broker") == ("broker", 1883)
    for wrong in ("http://x", "mqtt://x:99999", "mqtt://"):
        with pytest.raises(BenchError, match="not a broker's address"):
            address(wrong)


def test_credentials_name_the_line_at_fault() -> None:
    good = b'{"device_id": "d-1", "username": "d-1", "password": "s", "mqtt": "mqtt://x"}\n'
    assert read_credentials([good, b"\n"]) == [Credential("d-1", "s")]
    for lines, said in (
        ([good, b"{"], "line 2"),
        ([good, good], "line 2: d-1 stands there twice"),
        ([b'{"device_id": "a b", "password": ""}'], "line 1: device_id"),
        ([], "no credentials"),
    ):
        with pytest.raises(BenchError, match=said):
            read_credentials(lines)


class Gate:
    """Lets everyone in whose password is right."""

    def check(self, username: str, password: str, client_id: str) -> Grant | None:
        return Grant(username) if password == "right" and client_id == username else None


def fleet(
    broker: Broker,
    password: str = "right",
    clock_s: Callable[[], float] = time.time,
    **plan: float,
) -> Fleet:
    known = [Credential(f"d-{number}", password) for number in range(6)]
    wanted = FleetPlan("127.0.0.1", broker.mqtt_port, metrics=2, **plan)  # type: ignore[arg-type]
    return Fleet(wanted, known, clock_s=clock_s)


def slow_clock() -> Callable[[], float]:
    """Behind the loop's own clock at the end of a load: it must still send what that end owes."""
    began_s = time.time()
    return lambda: began_s + (time.time() - began_s) * 0.9


@pytest.mark.broker
@pytest.mark.slow
def test_every_pack_is_owed_once(tmp_path: Path) -> None:
    """Paced and in a hurry, cut off in between: what is acknowledged is in the stream, each pack once."""

    async def run() -> tuple[dict[str, object], ...]:
        settings = BrokerSettings(directory=tmp_path, mqtt_port=0)
        async with Broker(settings, Gate()) as broker:
            paced = await fleet(
                broker, pack_samples=4, packs_per_s=60.0, duration_s=2.0, storm_after_s=1.0
            ).run()
            unpaced = await fleet(broker, pack_samples=4, duration_s=0.3, settle_s=0.1).run()
            slow = await fleet(
                broker, clock_s=slow_clock(), pack_samples=4, packs_per_s=12.0, duration_s=1.0
            ).run()
            assert slow.sent == slow.acknowledged == 12
            with pytest.raises(BenchError, match="refuses device"):
                await fleet(broker, "wrong").run()
            state = await broker.stream.state()
            return paced.as_json(), unpaced.as_json(), {"messages": state.messages}

    paced, unpaced, stream = asyncio.run(run())
    assert paced["packs_sent"] == paced["packs_acknowledged"]
    assert 6 * 19 <= int(paced["packs_sent"]) <= 6 * 20  # type: ignore[call-overload]
    assert paced["packs_unacknowledged"] == paced["packs_never_sent"] == 0
    assert int(paced["reconnects"]) >= 6  # type: ignore[call-overload]
    assert paced["storm_s"] is not None
    assert unpaced["packs_sent"] == unpaced["packs_acknowledged"]
    assert json.dumps([paced, unpaced])
    telemetry = (
        30 + int(paced["packs_sent"]) + int(paced["packs_resent"]) + int(unpaced["packs_sent"])
    )  # type: ignore[call-overload]
    # Births, wills and goodbyes are in the stream too.
    assert telemetry <= int(stream["messages"]) <= telemetry + 6 * 11  # type: ignore[call-overload]


def test_no_broker_there() -> None:
    plan = FleetPlan("127.0.0.1", 1)
    with pytest.raises(BenchError, match="no broker answers at 127"):
        asyncio.run(Fleet(plan, [Credential("d", "p")]).run())
