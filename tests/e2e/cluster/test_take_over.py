"""kill -9 of a broker node, a worker and the database, one after another, under load: nothing is lost,
nothing counted twice, and the findings are those of one process in which nothing happened."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cluster.foreign import Foreign
from tests.e2e.cluster.installation import PARTITIONS, Installation, Role, installed
from tests.e2e.cluster.load import Device, Load, Sample, expected, readings
from tests.e2e.product import PASSWORD, Product, all_items, wait_until
from tests.e2e.publisher import Publisher

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.needs("postgresql", "victoria-metrics"),
]

DEVICES = ("pump-1", "pump-2", "pump-3", "pump-4")
ROUNDS = 4 if os.environ.get("LONG_TESTS") == "1" else 1
KILLS = ("node", "worker", "database") * ROUNDS
PACKS = 200 * ROUNDS
ADMIN = "admin@example.org"
GUARD_S = 60.0
"""A hang guard; what it took is told at the end of the run."""


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, needs: Callable[[str], Path]
) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("cluster"), needs) as made:
        made.add_user(ADMIN, "admin")
        yield made


@pytest.fixture(scope="module")
def token(cluster: Installation) -> str:
    return cluster.token(ADMIN)


class Harm:
    """Kills a part in the middle of a stage, and puts it back when its loss has been made good."""

    def __init__(self, cluster: Installation) -> None:
        self.cluster = cluster
        self.taken_over_s: list[float] = []
        self._nodes = 0

    def do(self, what: str) -> None:
        getattr(self, f"_kill_{what}")()

    def _kill_node(self) -> None:
        node = self.cluster.nodes[self._nodes % len(self.cluster.nodes)]
        self._nodes += 1
        node.kill()
        time.sleep(2)  # the others are alone for a while, under load
        node.start()

    def _kill_worker(self) -> None:
        worker = self.cluster.worker_of(self.cluster.holders()["partition 0/4"])
        name = self.cluster.holders()["partition 0/4"]
        worker.kill()
        killed_s = time.monotonic()
        wait_until(lambda: self._all_but(name), "the take-over", timeout_s=GUARD_S)
        self.taken_over_s.append(time.monotonic() - killed_s)
        worker.start()

    def _all_but(self, name: str) -> bool:
        holders = self.cluster.holders()
        return len(holders) == 6 and name not in holders.values()

    def _kill_database(self) -> None:
        self.cluster.postgres.kill()
        time.sleep(2)
        self.cluster.postgres.start()


def run_cluster(cluster: Installation, start_s: float, harm: Harm, token: str) -> list[int]:
    killed_at = []
    with ExitStack() as stack:
        devices = [
            stack.enter_context(
                Device(cluster.mqtt_ports, name, cluster.add_device(name), first=number)
            )
            for number, name in enumerate(DEVICES)
        ]
        load = Load(devices, PACKS, len(KILLS) + 1, start_s)
        for stage, what in enumerate(KILLS):
            load.release(stage)
            killed_at.append(load.wait_half(stage))
            harm.do(what)
        load.release(len(KILLS))
        load.finish()
        wait_stored(cluster.webs[0], token, start_s)
    return killed_at


def wait_stored(web: Any, token: str, start_s: float) -> None:
    with web.api(token) as client:
        for device in DEVICES:
            last_s = readings(device, PACKS - 1, start_s)[-1][2]
            wait_until(
                lambda d=device, s=last_s: _has_until(client, d, s), f"{device} to be stored"
            )


def _has_until(client: httpx.Client, device: str, time_s: float) -> bool:
    answer = client.get(
        f"/api/v1/devices/{device}/telemetry",
        params={"metric": "motor/current", "from": time_s - 1, "to": time_s + 1, "points": 1},
    )
    return answer.status_code == 200 and bool(answer.json()["times_s"])


def run_calm(product: Product, start_s: float) -> list[tuple[Any, ...]]:
    """The same load on one process with everything in it; its findings."""
    product.add_user(ADMIN, "admin")
    with ExitStack() as stack:
        devices = [
            stack.enter_context(Calm(product, name, product.add_device(name))).wait_connected()
            for name in DEVICES
        ]
        load = Load(devices, PACKS, 1, start_s)
        load.release(0)
        load.finish()
    wait_stored(product, product.token(ADMIN), start_s)
    assert product.stop() == 0
    with sqlite3.connect(product.data_dir / "records.sqlite3") as records:
        return [comparable(row) for row in records.execute(FINDINGS)]


class Calm(Publisher):
    @property
    def name(self) -> str:
        return self.device_id

    def publish(self, payload: bytes, *arguments: Any, **options: Any) -> None:
        super().publish(payload, *arguments, **options)
        self.wait_acknowledged()


FINDINGS = """
SELECT id, device_id, kind, metrics, onset_at, detected_at, ended_at, sentence FROM finding
ORDER BY id
"""
INCIDENTS = """
SELECT device_id, kind, severity, onset_at, leading_finding_id, count(*) FROM incident
WHERE state = 'open' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1
"""


def comparable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The two databases hand out times and JSON in their own ways."""
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    if isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-":
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value


def test_nothing_is_lost_or_counted_twice_whatever_is_killed(
    cluster: Installation,
    token: str,
    forewarn_up: Callable[..., Product],
    tell: Callable[[str], None],
) -> None:
    start_s = float(int(time.time()) - 3 * 86_400 - ROUNDS * PACKS * 60)
    harm = Harm(cluster)
    began_s = time.monotonic()
    killed_at = run_cluster(cluster, start_s, harm, token)
    took_s = time.monotonic() - began_s

    wanted = expected(DEVICES, PACKS, start_s)
    stored: Counter[Sample] = Counter(cluster.samples())
    lost, twice = wanted - stored, stored - wanted
    kills = ", ".join(f"{w} at {n}" for w, n in zip(KILLS, killed_at, strict=True))
    tell(
        f"kill -9 of {kills} of {PACKS * len(DEVICES)} PUBACKs in {took_s:.0f} s: "
        f"{wanted.total()} samples sent, {stored.total()} stored, "
        f"{lost.total()} lost, {twice.total()} twice"
    )
    tell(f"take-over from a killed worker: {', '.join(f'{s:.1f} s' for s in harm.taken_over_s)}")
    assert lost == Counter()
    assert twice == Counter()
    with cluster.webs[1].api(token) as client:
        assert all_items(client, "/api/v1/quarantine") == []

    calm = run_calm(forewarn_up(), start_s)
    assert {row[1] for row in calm} == set(DEVICES)
    assert [comparable(row) for row in cluster.rows(FINDINGS)] == calm
    assert [row[0] for row in cluster.rows(INCIDENTS)] == list(DEVICES)
    assert {row[5] for row in cluster.rows(INCIDENTS)} == {1}


def hidden_fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


def sign_in(web: Role) -> dict[str, str]:
    """A browser's cookies, without a browser."""
    with web.api() as client:
        fields = hidden_fields(client.get("/sign-in").text)
        answer = client.post("/sign-in", data={**fields, "email": ADMIN, "password": PASSWORD})
        assert answer.is_redirect
        return dict(client.cookies)


def test_replicas_share_sessions_and_tell_each_others_pages(
    cluster: Installation, token: str
) -> None:
    one, other = cluster.webs
    cookies = sign_in(one)
    with other.api(**cookies) as client:
        assert client.get("/api/v1/devices").status_code == 200

    password = cluster.add_device("told-1")
    with one.api(token) as first, other.api(token) as second, ExitStack() as stack:
        streams = [stack.enter_context(c.stream("GET", "/live")) for c in (first, second)]
        heard = [stream.iter_lines() for stream in streams]
        for lines in heard:
            assert next(lines) == "retry: 3000"
        with Device(cluster.mqtt_ports, "told-1", password, first=1) as device:
            device.say_state("online", "birth")
            for lines in heard:
                assert any('"told-1"' in line for line in lines)


def test_states_commands_and_revocation_reach_a_device_on_any_node(
    cluster: Installation, token: str
) -> None:
    """A will is stored past the mapping: its partition must find it all the same."""
    password = cluster.add_device("far-1")
    with cluster.webs[0].api(token) as client:

        def online() -> bool:
            return bool(client.get("/api/v1/devices/far-1").json()["online"])

        with Device(cluster.mqtt_ports, "far-1", password, first=2, with_will=True) as device:
            device.say_state("online", "birth")
            wait_until(online, "the birth")
            asked = client.post("/api/v1/devices/far-1/commands", json={"name": "read_now"})
            assert asked.status_code in {200, 201, 202}, asked.text
            wait_until(lambda: device.commands, "the command")
            device.lose_connection()
            wait_until(lambda: not online(), "the will")
            wait_until(lambda: device.connected, "the device to come back")
            device.say_state("online", "birth")
            with cluster.webs[1].api(**sign_in(cluster.webs[1])) as desk:
                fields = hidden_fields(desk.get("/staff/devices/far-1").text)
                answer = desk.post("/staff/devices/far-1/revoke", data={"csrf": fields["csrf"]})
                assert answer.is_redirect, answer.text
            wait_until(device.refused_again, "the device to be shown out and turned away")


def test_foreign_devices_are_each_taken_in_once(cluster: Installation) -> None:
    """Every worker hears them all; one device lies behind a gateway, one message can't be read."""
    start_s, count = float(int(time.time()) - 3_600), 20
    names = [f"plant-{number}" for number in range(6)]
    assert len({partition_of(name) for name in names}) > 1
    secrets = {n: cluster.add_device(n, "--topics", f"plant/{n}/values") for n in names}
    hub = cluster.add_device("hub-1", "--topics", "zigbee2mqtt/#")
    cluster.add_device("valve-1", "--via", "hub-1")
    for number, name in enumerate(names):
        with Foreign(cluster.mqtt_ports[number % 3], name, secrets[name]) as device:
            for n in range(count):
                told = {"flow": n, "ts": start_s + n}
                device.say(f"plant/{name}/values", told, qos=0 if n == 7 else 1)
            device.say(f"plant/{name}/values", b"{broken")
            device.wait_acknowledged()
    with Foreign(cluster.mqtt_ports[0], "hub-1", hub) as gateway:
        gateway.say("zigbee2mqtt/valve-1", {"temperature": 21.5})
        gateway.wait_acknowledged()
    refused = "SELECT count(*), count(DISTINCT topic) FROM quarantined_message WHERE starts_with(topic, 'plant/')"
    wait_until(lambda: cluster.rows(refused) == [(len(names), len(names))], "each refusal, once")

    def found() -> Counter[tuple[str, float]]:
        ours = (*names, "valve-1")
        return Counter((d, v) for d, _m, _t, v in cluster.samples(as_shown=True) if d in ours)

    expected_ones = Counter((name, float(n)) for name in names for n in range(count))
    expected_ones["valve-1", 21.5] = 1
    wait_until(lambda: found() == expected_ones, "every sample, once", timeout_s=30, every_s=0.5)


def test_a_worker_that_is_stopped_gives_its_work_away_at_once(cluster: Installation) -> None:
    everything = PARTITIONS + 2
    wait_until(lambda: len(set(cluster.holders().values())) == 2, "both to have work")
    leaving = cluster.worker_of(cluster.holders()["partition 0/4"])
    assert leaving.stop() == 0
    wait_until(lambda: len(cluster.holders()) == everything, "the other to have all")
    assert len(set(cluster.holders().values())) == 1
    leaving.start()
    wait_until(lambda: len(set(cluster.holders().values())) == 2, "half to be given back")


def test_a_worker_that_slept_through_its_lease_spoils_nothing(
    cluster: Installation, token: str
) -> None:
    """SIGSTOP is what a machine out of memory, or one that is moved, does to a process."""
    password = cluster.add_device("sleepy-1")
    start_s = float(int(time.time()) - 86_400)
    wait_until(lambda: len(set(cluster.holders().values())) == 2, "both to have work")
    holder = cluster.holders()[f"partition {partition_of('sleepy-1')}/4"]
    asleep = cluster.worker_of(holder)
    packs = 60
    with Device(cluster.mqtt_ports, "sleepy-1", password, first=0) as device:
        load = Load([device], packs, 2, start_s)
        load.release(0)
        load.wait_half(0)
        os.kill(asleep.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: holder not in cluster.holders().values(), "the take-over")
        finally:
            os.kill(asleep.pid, signal.SIGCONT)
        load.release(1)
        load.finish()
    with cluster.webs[0].api(token) as client:
        last_s = readings("sleepy-1", packs - 1, start_s)[-1][2]
        wait_until(lambda: _has_until(client, "sleepy-1", last_s), "all to be stored")
    mine = Counter(s for s in cluster.samples() if s[0] == "sleepy-1")
    assert set(mine) == set(expected(["sleepy-1"], packs, start_s))
    shown = Counter(s for s in cluster.samples(as_shown=True) if s[0] == "sleepy-1")
    assert shown == expected(["sleepy-1"], packs, start_s)
    wait_until(lambda: len(set(cluster.holders().values())) == 2, "the sleeper to work again")


def partition_of(device: str) -> int:
    """As nats-server counts them: FNV-1a."""
    found = 2166136261
    for byte in device.encode():
        found = (found ^ byte) * 16777619 % 2**32
    return found % PARTITIONS
