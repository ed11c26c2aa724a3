"""Flapping links, reboot loops, gateways that take their devices along, announced limits."""

from __future__ import annotations

import numpy as np
import pytest

from anomaly import Engine, Finding

DAY_S = 86_400.0


def lose(engine: Engine, at_s: float, boot: str = "b1") -> list[Finding]:
    """The link is lost, and half a minute later it is back."""
    found = engine.set_online("d", False, "will", at_s)
    return found + engine.set_online("d", True, "birth", at_s + 30.0, boot)


def born(t0: float) -> Engine:
    engine = Engine()
    engine.series("d", "temperature", "Cel")
    assert engine.set_online("d", True, "birth", t0, "b1") == []
    return engine


def test_a_flapping_link_is_one_finding_and_ends_after_a_quiet_hour(t0: float) -> None:
    engine = born(t0)
    found = [f for n in range(20) for f in lose(engine, t0 + 60 + n * 60)]
    finding = found[0]
    assert {f.id for f in found} == {finding.id}
    assert (finding.kind, finding.metrics, finding.onset_s) == ("flapping", (), t0 + 60)
    assert 6 <= float(finding.evidence["times"]) <= 8
    assert "times since" in finding.sentence
    assert engine.health("d") < 0.5
    last_s = t0 + 60 + 19 * 60
    assert engine.tick(last_s + 3599) == []
    (ended,) = engine.tick(last_s + 9999)
    assert (ended.id, ended.ended_s) == (finding.id, last_s + 3600)
    assert engine.health("d") == 1.0


@pytest.mark.parametrize("loop", [False, True])
def test_the_longer_it_goes_on_the_more_severe_it_gets(t0: float, loop: bool) -> None:
    engine = born(t0)
    told = [f for n in range(60) for f in lose(engine, t0 + 60 + n * 60, f"x{n}" if loop else "b1")]
    severities = [f.severity for f in told]
    assert len(told) == 3
    assert severities == sorted(severities)
    assert severities[0] < 0.75
    assert 0.8 < severities[-1] <= 0.95
    assert len({(f.id, f.onset_s, f.detected_s) for f in told}) == 1
    for finding in told:
        assert f" {finding.evidence['times']:.0f} times since" in finding.sentence
    assert engine.open_findings() == told[-1:]
    slower = born(t0)
    assert [f for n in range(30) for f in lose(slower, t0 + n * 270)][1:] == []


def test_goodbyes_and_now_and_then_a_loss_are_no_flapping(t0: float) -> None:
    engine = born(t0)
    for n in range(50):
        assert lose(engine, t0 + n * 600) == []
    asleep = born(t0)
    for n in range(200):
        assert asleep.set_online("d", False, "shutdown", t0 + n * 60) == []
        assert asleep.set_online("d", True, "birth", t0 + n * 60 + 30, f"boot{n}") == []


def test_who_always_was_like_that_is_not_flapping_until_it_gets_much_worse(t0: float) -> None:
    engine = born(t0)
    first: list[Finding] = []
    at_s = t0
    while at_s < t0 + 8 * DAY_S:  # a burst of five, three times an hour
        for n in range(5):
            first += lose(engine, at_s + n * 40)
        at_s += 1200
    told = [f for f in first if f.ended_s is None and f.onset_s > t0 + 2 * DAY_S]
    assert told == []


def test_a_reboot_loop_is_one_finding_and_no_flapping_beside_it(t0: float) -> None:
    engine = born(t0)
    found = [f for n in range(12) for f in lose(engine, t0 + 60 + n * 120, boot=f"x{n}")]
    assert {(f.kind, f.id) for f in found} == {("reboot_loop", found[0].id)}
    assert found[0].sentence.startswith("The device has started anew")


def test_links_survive_bytes_at_any_moment(t0: float) -> None:
    whole, parted = born(t0), born(t0)
    for n in range(30):
        boot = f"x{n // 3}"
        assert lose(whole, t0 + n * 70, boot) == lose(parted, t0 + n * 70, boot)
        parted = Engine.from_bytes(parted.to_bytes())
    assert whole.to_bytes() == parted.to_bytes()


def house(t0: float, *, with_gateway: bool) -> tuple[Engine, dict[str, int], float]:
    """Three sensors behind a gateway, heard every 10 s for ten minutes."""
    engine = Engine()
    names = ["s1", "s2", "s3", *(["gw"] if with_gateway else [])]
    series = {name: engine.series(name, "temperature", "Cel") for name in names}
    for n in range(60):
        feed(engine, series, t0 + n * 10.0)
    return engine, series, t0 + 590.0


def feed(engine: Engine, series: dict[str, int], at_s: float) -> list[Finding]:
    one = np.array(list(series.values()), np.int32)
    return engine.update(one, np.full(len(one), at_s), np.full(len(one), 20.0), at_s)


BEHIND = {"s1": "gw", "s2": "gw", "s3": "gw"}


def test_a_gateway_falls_silent_with_its_devices_as_one_finding(t0: float) -> None:
    for with_gateway in (True, False):
        engine, series, end = house(t0, with_gateway=with_gateway)
        found = [f for n in range(100) for f in engine.tick(end + 10.0 * n, BEHIND)]
        (finding,) = found
        assert (finding.device, finding.kind, finding.onset_s) == ("gw", "silence", end)
        assert finding.evidence["devices_behind"] == 3
        assert "The gateway and the 3 devices behind it" in finding.sentence
        assert feed(engine, {"s2": series["s2"]}, end + 2000) == []
        again = engine.tick(end + 2001, BEHIND)
        assert [(f.id, f.ended_s is not None) for f in again] == [(finding.id, True)]


def test_one_device_behind_a_gateway_falls_silent_by_itself(t0: float) -> None:
    engine, series, end = house(t0, with_gateway=False)
    others = {name: at for name, at in series.items() if name != "s1"}
    found = []
    for n in range(1, 60):
        found += feed(engine, others, end + 10.0 * n)
        found += engine.tick(end + 10.0 * n, BEHIND)
    assert [(f.device, f.kind) for f in found] == [("s1", "silence")]


def test_without_a_gateway_each_is_told(t0: float) -> None:
    engine, _, end = house(t0, with_gateway=False)
    assert sorted(f.device for f in engine.tick(end + 1000.0)) == ["s1", "s2", "s3"]


def test_announced_limits_judge_and_never_widen_the_physical(t0: float) -> None:
    engine = Engine()
    engine.announce_limits("d", "pressure", "bar", 0.0, 10.0)
    series = np.full(5, engine.series("d", "pressure"), np.int32)
    found = engine.update(series, t0 + np.arange(5.0), np.array([3.0, 4, 11, 11, 11]), t0 + 5)
    (finding,) = found
    assert finding.kind == "out_of_range"
    assert finding.evidence["limit_high"] == 10.0
    engine.announce_limits("d", "t", "Cel", -500.0, 900.0)
    row = np.full(4, engine.series("d", "t"), np.int32)
    (hot,) = engine.update(row, t0 + np.arange(4.0), np.full(4, 300.0), t0 + 4)
    assert hot.kind == "out_of_range"
