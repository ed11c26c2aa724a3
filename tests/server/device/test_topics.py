import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.device import service
from server.device.topics import any_matches, checked_topics, matches
from server.kit.errors import BadInput, NotFound


@pytest.mark.parametrize(
    ("topic_filter", "why"),
    [
        ("devices/other/telemetry", "under devices/"),
        ("#", "begin with"),
        ("+/plug/state", "begin with"),
        ("$SYS/#", "begin with"),
        ("$share/g/tele/#", "begin with"),
        ("", "begin with"),
        ("/tele", "begin with"),
        ("tele/#/x", "before its end"),
        ("tele//x", "levels"),
        ("tele/a+", "levels"),
        ("tele/living room", "levels"),
        ("tele/*", "levels"),
        ("tele/>", "levels"),
        ("t/" + "a" * 200, "longer"),
    ],
)
def test_a_filter_that_reaches_too_far_or_is_none_is_refused_with_the_reason(topic_filter, why):
    with pytest.raises(BadInput, match=why):
        checked_topics([topic_filter])


def test_filters_are_kept_once_and_in_order():
    assert checked_topics(["tele/+/STATE", "spBv1.0/plant/#", "tele/+/STATE"]) == [
        "spBv1.0/plant/#",
        "tele/+/STATE",
    ]
    with pytest.raises(BadInput, match="at most"):
        checked_topics([f"t/{n}" for n in range(17)])


LEVELS = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4)


def naive(wanted: list[str], given_: list[str]) -> bool:
    """The rule of MQTT, level by level, read aloud."""
    if wanted == ["#"]:
        return True
    if not wanted or not given_:
        return wanted == given_
    return wanted[0] in ("+", given_[0]) and naive(wanted[1:], given_[1:])


@given(
    wanted=st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=1, max_size=4),
    ends=st.booleans(),
    given_=LEVELS,
)
def test_matching_is_as_the_rule_reads(wanted, ends, given_):
    levels = [*wanted, "#"] if ends else wanted
    assert matches("/".join(levels), "/".join(given_)) == naive(levels, given_)


def test_a_device_is_spoken_for_through_its_own_topics_and_its_gateways(database, now):
    with database.transaction() as session:
        service.add_device(session, device_id="gw", topics=["zigbee2mqtt/#"], now=now)
        service.add_device(session, device_id="lamp", gateway_id="gw", now=now)
        service.add_device(session, device_id="boiler", now=now)
        service.add_device(session, device_id="plug", topics=["tele/plug/#"], now=now)
    asked = ["gw", "lamp", "boiler", "plug", "nobody", "no\x00body"]
    with database.reading() as session:
        rights = service.foreign_topics(session, asked)
    assert rights == {
        "gw": ("zigbee2mqtt/#",),
        "lamp": ("zigbee2mqtt/#",),
        "boiler": (),
        "plug": ("tele/plug/#",),
    }
    assert any_matches(rights["lamp"], "zigbee2mqtt/lamp")
    assert not any_matches(rights["boiler"], "zigbee2mqtt/boiler")
    with database.transaction() as session:
        service.revoke_device(session, "gw", now=now)
    with database.reading() as session:
        assert service.foreign_topics(session, ["gw", "lamp"]) == {"lamp": ()}


def test_a_gateway_must_be_another_device_on_record(database, now):
    with database.transaction() as session:
        service.add_device(session, device_id="lamp", now=now)
        with pytest.raises(NotFound, match="gateway"):
            service.allow(session, "lamp", gateway_id="nobody", now=now)
        with pytest.raises(BadInput, match="itself"):
            service.allow(session, "lamp", gateway_id="lamp", now=now)
