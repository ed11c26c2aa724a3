"""Edge nodes and devices from birth to death, on the golden payloads."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.ingest.arrivals import Understanding
from server.ingest.duplicates import SeenPacks
from server.ingest.foreign import sparkplug_payload
from server.ingest.foreign.rules import Rule
from server.ingest.foreign.sparkplug_payload import Metric, Payload, decode, encode
from server.ingest.foreign.topic_map import TopicMap
from server.ingest.foreign.translation import Translation
from server.ingest.remembered import from_bytes
from server.ingest.source import Message

GOLDEN = Path(__file__).parent / "golden" / "sparkplug"
SENT_S = 1_700_000_000.0
NOW_S = SENT_S + 100
TOPICS = TopicMap([Rule("sparkplug", "spBv1.0/#", "{group}-{node}-{device}")])
NODE, DEVICE = "plant-edge1", "plant-edge1-pump"


class Host:
    """Messages in, arrivals out; may be restarted between any two."""

    def __init__(self):
        self.understanding = Understanding(
            SeenPacks(), future_tolerance_s=600, translation=Translation(TOPICS)
        )
        self.position = 0

    def restart(self):
        seen, translation = from_bytes(self.understanding.memory(), TOPICS)
        self.understanding = Understanding(seen, future_tolerance_s=600, translation=translation)

    def hear(self, kind, payload, *, node="edge1", after_s=0.0):
        self.position += 1
        level = "/pump" if kind.startswith("D") else ""
        raw = payload if isinstance(payload, bytes) else golden(payload)
        topic = f"spBv1.0/plant/{kind}/{node}{level}"
        messages = [Message(self.position, topic, raw, NOW_S + after_s)]
        heard = self.understanding.translate(messages)
        rights = dict.fromkeys(heard.devices(), ("spBv1.0/plant/#",))
        return self.understanding.of(messages, (), heard, rights)


def golden(name):
    return (GOLDEN / f"{name}.bin").read_bytes()


def samples(arrivals):
    return [
        (device, name, value, unit, round(time_s - SENT_S, 3))
        for _, device, pack in arrivals.packs
        for name, value, unit, time_s in zip(
            pack.names, pack.values, pack.units, pack.times_s, strict=True
        )
    ]


@pytest.fixture
def born():
    host = Host()
    host.hear("NBIRTH", "nbirth")
    host.hear("DBIRTH", "dbirth")
    return host


def test_a_birth_says_who_is_there_and_what_it_reads_now():
    host = Host()
    node = host.hear("NBIRTH", "nbirth")
    assert samples(node) == [(NODE, "supply_voltage_v", 23.5, "V", 0.0)]
    assert [(d, t.name, t.text) for d, t in node.texts] == [(NODE, "properties/firmware", "4.1.0")]
    [(_, who, state)] = node.states
    assert (who, state.status, state.reason) == (NODE, "online", "birth")
    device = host.hear("DBIRTH", "dbirth")
    assert samples(device) == [
        (DEVICE, "inputs/temperature", 61.25, "Cel", 0.9),
        (DEVICE, "inputs/int8", -5, "", 0.9),
        (DEVICE, "inputs/int32", -70_000, "", 0.9),
        (DEVICE, "inputs/int64", -5_000_000_000, "", 0.9),
        (DEVICE, "inputs/uint16", 65_535, "", 0.9),
        (DEVICE, "inputs/running", True, "", 0.9),
        (DEVICE, "inputs/serviced", SENT_S - 86_400, "", 0.9),
    ]
    sensors = device.states[0][2].sensors
    assert (sensors[0].name, sensors[0].unit) == ("inputs/temperature", "Cel")
    assert device.refusals == []


def test_aliases_name_what_the_birth_named_over_a_restart_too(born):
    born.restart()
    assert samples(born.hear("DDATA", "ddata")) == [
        (DEVICE, "inputs/temperature", 62.5, "Cel", 1.9),
        (DEVICE, "inputs/int8", -6, "", 1.9),
        (DEVICE, "inputs/running", False, "", 1.9),
    ]


def test_historical_values_are_samples_of_their_own_time(born):
    born.hear("DDATA", "ddata")
    assert samples(born.hear("DDATA", "ddata_historical")) == [
        (DEVICE, "inputs/temperature", 40, "Cel", -3600),
        (DEVICE, "inputs/temperature", 41, "Cel", -1800),
    ]


def test_null_is_no_sample_and_a_data_set_is_passed_over(born):
    for name in ("ddata", "ddata_historical"):
        born.hear("DDATA", name)
    assert samples(born.hear("DDATA", "ddata_null")) == [(DEVICE, "inputs/uint16", 12, "", 3.9)]
    assert samples(born.hear("DDATA", "ddata_dataset")) == [
        (DEVICE, "inputs/temperature", 63, "Cel", 4.9)
    ]


def test_a_nodes_death_is_its_devices_death_and_an_old_one_means_nothing(born):
    assert born.hear("NDEATH", "ndeath_old").states == []
    gone = born.hear("NDEATH", "ndeath")
    assert [(d, s.status) for _, d, s in gone.states] == [(NODE, "offline"), (DEVICE, "offline")]
    after = born.hear("NDATA", "ndata")
    assert samples(after) == []
    assert "before a birth" in after.refusals[0].reason


def test_a_devices_death_is_its_own(born):
    gone = born.hear("DDEATH", "ddeath")
    assert [(d, s.status) for _, d, s in gone.states] == [(DEVICE, "offline")]


def test_data_that_no_birth_explains_is_refused_and_a_birth_asked_for_now_and_then():
    host = Host()
    first = host.hear("DDATA", "ddata")
    assert [r.field for r in first.refusals] == ["alias"]
    [(topic, payload)] = first.questions
    assert topic == "spBv1.0/plant/NCMD/edge1"
    [metric] = decode(payload).metrics
    assert (metric.name, metric.datatype, metric.raw) == ("Node Control/Rebirth", 11, True)
    assert host.hear("DDATA", "ddata", after_s=1).questions == []
    assert len(host.hear("DDATA", "ddata", after_s=31).questions) == 1


def test_an_unknown_alias_loses_only_itself(born):
    known = decode(golden("ddata"))
    strange = Metric(alias=99, datatype=10, raw=1.0)
    mixed = born.hear("DDATA", _encoded([*known.metrics, strange], seq=2))
    assert len(samples(mixed)) == 3
    assert "alias 99" in mixed.refusals[0].reason
    assert len(mixed.questions) == 1


def _encoded(metrics, *, seq):
    """By hand what `encode` leaves out: aliases."""
    message = sparkplug_payload._payload()
    message.ParseFromString(encode(Payload(1_700_000_002_000, seq, [])))
    for metric in metrics:
        sent = message.metrics.add(alias=metric.alias, datatype=metric.datatype)
        if isinstance(metric.raw, bool):
            sent.boolean_value = metric.raw
        elif metric.datatype == 10:
            sent.double_value = metric.raw
        else:
            sent.int_value = metric.raw & 0xFFFFFFFF
    return message.SerializeToString()


def test_a_hole_in_the_count_asks_for_a_birth_and_a_redelivery_does_not(born):
    born.hear("DDATA", "ddata")
    assert born.hear("DDATA", "ddata").questions == []
    skipped = born.hear("DDATA", "ddata_null")
    assert len(skipped.questions) == 1
    assert skipped.refusals == []
    assert len(samples(skipped)) == 1


@pytest.mark.parametrize("kind", ["NCMD", "STATE", "DCMD"])
def test_what_hosts_say_to_each_other_is_not_for_us(kind):
    arrivals = Host().hear(kind, b"anything")
    assert (arrivals.refusals, arrivals.packs) == ([], [])


def test_nonsense_is_refused_with_the_reason(born):
    assert born.hear("DDATA", b"\xff\xff").refusals[0].field == "payload"
    odd = born.hear("DDATA", replace_name(golden("dbirth")))
    assert odd.refusals == []


def replace_name(raw):
    payload = decode(raw)
    first = replace(payload.metrics[0], name="Inputs/Temperature", alias=None)
    return encode(Payload(payload.time_ms, 2, [first]))
