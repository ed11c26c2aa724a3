"""Partitions: cut alike by nats-server and by us, written by `setup nats`, kept apart by permissions."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.broker.auth_callout import Grant, device_claims
from server.broker.node_config import ClusterPlan, Node, write
from server.broker.partitions import Partition, mapped_subject, mappings, partition_of
from server.broker.stream import PREFIX
from server.kit.errors import BadInput

ids = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=64
)


@given(device=ids, count=st.integers(1, 64))
def test_every_device_is_in_one_partition(device: str, count: int) -> None:
    partitions = [Partition(number, count) for number in range(count)]
    holding = [p for p in partitions if p.holds(device)]
    assert len(holding) == 1
    subject = PREFIX + mapped_subject(device, count)
    assert [p.topic(subject) for p in holding] == [f"devices/{device}/telemetry"]
    assert [p for p in partitions if p.topic(subject)] == holding
    plain = f"{PREFIX}devices.{device}.state"
    assert [p for p in partitions if p.topic(plain)] == holding


def test_they_are_about_even() -> None:
    counts = Counter(partition_of(f"heat-pump-{n}", 16) for n in range(16_000))
    assert set(counts) == set(range(16))
    assert max(counts.values()) < 2 * min(counts.values())


@given(st.text(max_size=60))
def test_no_subject_is_too_strange(text: str) -> None:
    Partition(0, 1).topic(text)
    Partition(3, 16).topic(PREFIX + text)


def test_a_device_may_publish_into_its_own_partition_only() -> None:
    allowed = device_claims(Grant("pump-1"), "U", partitions=16)["nats"]["pub"]["allow"]
    mapped = [subject for subject in allowed if not subject.startswith("devices.")]
    assert mapped == [mapped_subject("pump-1", 16)]
    assert "*" not in "".join(allowed)
    assert all(
        s.startswith("devices.") for s in device_claims(Grant("p"), "U")["nats"]["pub"]["allow"]
    )


def plan(**changes) -> ClusterPlan:
    nodes = tuple(Node.parse(f"n{n}.example.org", n) for n in (1, 2, 3))
    given = {"nodes": nodes, "partitions": 16, "replicas": 3, "listen": "0.0.0.0", "store": "/s"}
    return ClusterPlan(**{**given, "store_max_bytes": 2**30, **changes})


def test_the_nodes_know_each_other_and_hold_no_secret_of_ours(tmp_path) -> None:
    files = write(plan(), tmp_path)
    assert [f.name for f in files] == ["forewarn-1.conf", "forewarn-2.conf", "forewarn-3.conf"]
    read = [json.loads(f.read_text()) for f in files]
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}
    for number, config in enumerate(read, 1):
        assert config["server_name"] == f"forewarn-{number}"
        routes = [r.rpartition("@")[2] for r in config["cluster"]["routes"]]
        assert routes == [f"n{n}.example.org:6222" for n in (1, 2, 3) if n != number]
        assert config["mqtt"]["stream_replicas"] == 3
        assert config["accounts"]["APP"]["mappings"] == mappings(16)
        for seed in (tmp_path / "keys").glob("*.seed"):
            assert seed.read_text().strip() not in files[number - 1].read_text()
            assert seed.stat().st_mode & 0o777 == 0o600


def test_writing_again_keeps_the_keys(tmp_path) -> None:
    first = [json.loads(f.read_text()) for f in write(plan(), tmp_path)]
    again = [json.loads(f.read_text()) for f in write(plan(partitions=8), tmp_path)]
    assert again[0]["authorization"] == first[0]["authorization"]
    assert again[0]["cluster"] == first[0]["cluster"]
    assert again[0]["accounts"]["APP"]["mappings"] == mappings(8)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"nodes": ()}, "node"),
        ({"nodes": tuple(Node.parse("h", n) for n in (1, 2))}, "node"),
        ({"replicas": 5}, "replicas"),
        ({"tls_key": "k.pem"}, "tls-key"),
    ],
)
def test_a_plan_that_can_not_be_is_refused(changes, field) -> None:
    with pytest.raises(BadInput) as refused:
        plan(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize("text", ["", "a b", "h:1", "h:1:2", "h:0:1:2", "h:1:2:99999", "h:x:y:z"])
def test_a_node_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Node.parse(text, 1)
