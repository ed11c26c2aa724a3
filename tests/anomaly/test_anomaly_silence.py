"""A device that falls silent: live only, once, sooner after a will, never after a shutdown."""

from __future__ import annotations

import numpy as np

from anomaly import Engine


def live_engine(t0: float, *, late_s: float = 1.0) -> tuple[Engine, float]:
    engine = Engine()
    pair = np.array([engine.series("d", "a"), engine.series("d", "b")], np.int32)
    times = t0 + np.arange(60) * 5.0
    end = float(times[-1])
    engine.update(np.tile(pair, 60), np.repeat(times, 2), np.ones(120), end + late_s)
    return engine, end


def test_one_finding_for_the_device_and_its_end(t0: float) -> None:
    engine, end = live_engine(t0)
    assert engine.tick(end + 60) == []
    (finding,) = engine.tick(end + 400)
    assert (finding.kind, finding.device, finding.metrics) == ("silence", "d", ())
    assert finding.onset_s == end
    assert engine.tick(end + 500) == []
    assert engine.health("d") < 0.5
    back = engine.update(np.zeros(1, np.int32), np.array([end + 600]), np.ones(1), end + 600)
    assert [(f.id, f.ended_s) for f in back] == [(finding.id, end + 600)]
    assert engine.health("d") == 1.0


def test_a_replayed_past_never_falls_silent(t0: float) -> None:
    engine, end = live_engine(t0, late_s=86400.0)
    assert engine.tick(end + 10 * 86400) == []


def test_will_hastens_and_shutdown_forbids(t0: float) -> None:
    lost, end = live_engine(t0)
    lost.set_online("d", False, "will", end + 2)
    (finding,) = lost.tick(end + 60)
    assert "lost its connection" in finding.sentence
    off, end = live_engine(t0)
    off.set_online("d", False, "shutdown", end + 2)
    assert off.tick(end + 86400) == []
    off.set_online("d", True, "birth", end + 90000)
    assert len(off.tick(end + 2 * 86400)) == 1


def test_silence_survives_bytes(t0: float) -> None:
    engine, end = live_engine(t0)
    (finding,) = engine.tick(end + 400)
    again = Engine.from_bytes(engine.to_bytes())
    assert again.open_findings() == [finding]
    (back,) = again.update(np.zeros(1, np.int32), np.array([end + 600]), np.ones(1), end + 600)
    assert back.id == finding.id


def test_a_whole_outage_is_no_missing_metric(t0: float) -> None:
    engine = Engine()
    pair = np.array([engine.series("d", "a"), engine.series("d", "b")], np.int32)
    times = t0 + np.arange(200) * 5.0
    times[100:] += 7200.0
    found = engine.update(np.tile(pair, 200), np.repeat(times, 2), np.ones(400), times[-1])
    assert found == []


def test_speaking_again_ends_a_shutdown(t0: float) -> None:
    engine, end = live_engine(t0)
    engine.set_online("d", False, "shutdown", end + 2)
    engine.update(np.zeros(1, np.int32), np.array([end + 50]), np.ones(1), end + 51)
    assert len(engine.tick(end + 500)) == 1


def test_time_spent_not_listening_is_nobodys_silence(t0: float) -> None:
    engine, end = live_engine(t0)
    resumed = Engine.from_bytes(engine.to_bytes())
    assert resumed.tick(end + 7200) == []
    assert resumed.tick(end + 7260) == []
    (finding,) = resumed.tick(end + 7200 + 130)
    assert finding.onset_s == end


def test_a_clock_of_arrivals_set_forward_is_nobodys_silence(t0: float) -> None:
    engine, end = live_engine(t0)
    assert engine.tick(end + 10) == []
    engine.listens_anew = True
    assert engine.tick(end + 3600) == []
    (finding,) = engine.tick(end + 3600 + 130)
    assert finding.kind == "silence"


def test_after_a_clock_set_back_silence_is_noticed_as_soon(t0: float) -> None:
    engine, end = live_engine(t0)
    engine.listens_anew = True
    assert engine.tick(end - 3600) == []
    assert engine.tick(end - 3600 + 100) == []
    (finding,) = engine.tick(end - 3600 + 130)
    assert 120 < finding.evidence["silent_for_s"] < 140
