"""Playing a table: pacing, shifting, packs, and what is refused before anything is sent."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from device_agent.wire import Pack, decode_pack
from server.replay import Playback, ReplayError, TableOptions, open_table, play

File = Callable[..., Path]
NOW_S = 1_700_100_000.0


class Recorder:
    """A sink that keeps everything, with the moment it came; time passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.sent: list[tuple[float, Pack]] = []
        self.drained = False

    def publish(self, leaf: str, payload: bytes) -> None:
        assert leaf == "telemetry"
        assert not self.drained
        self.sent.append((self.now_s, decode_pack(payload, device_id="d", received_s=NOW_S)))

    def drain(self) -> None:
        self.drained = True

    def clock_s(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


def playback(file: Path, options: TableOptions | None = None, **how: object) -> Playback:
    asked = {"speed": None, "start_s": None, "shift_to_now": False, "now_s": NOW_S} | how
    return Playback.check(open_table(file, options or TableOptions()), **asked)  # type: ignore[arg-type]


def run(checked: Playback) -> Recorder:
    recorder = Recorder()
    report = play(checked, "d", recorder, clock_s=recorder.clock_s, sleep=recorder.sleep)
    assert recorder.drained
    assert report.rows == checked.rows
    assert report.samples == checked.samples == sum(len(p.names) for _, p in recorder.sent)
    assert report.packs == len(recorder.sent)
    return recorder


def seconds(count: int, *, start_s: int = 1_700_000_000, columns: int = 1) -> str:
    names = ",".join(f"m{k}" for k in range(columns))
    rows = "".join(f"{start_s + k}{',1.5' * columns}\n" for k in range(count))
    return f"time,{names}\n{rows}"


def test_times_are_kept_and_packs_are_large_when_unpaced(csv_file: File) -> None:
    recorder = run(playback(csv_file(seconds(5_000, columns=2))))
    assert recorder.now_s == 50.0
    assert [len(p.names) for _, p in recorder.sent] == [4000, 4000, 2000]
    times_s = [t for _, p in recorder.sent for t in p.times_s]
    assert times_s == [1_700_000_000.0 + k // 2 for k in range(10_000)]


@pytest.mark.parametrize("speed", [1.0, 10.0, 0.5])
def test_paced_replay_sends_each_row_in_its_time(csv_file: File, speed: float) -> None:
    recorder = run(playback(csv_file(seconds(60)), speed=speed))
    for sent_s, pack in recorder.sent:
        due_s = [50.0 + (t - 1_700_000_000.0) / speed for t in pack.times_s]
        assert sent_s == pytest.approx(due_s[-1])
        assert sent_s - due_s[0] <= 1.0
    assert recorder.now_s == pytest.approx(50.0 + 59 / speed)


@pytest.mark.parametrize("speed", [None, 1.0, 10.0])
def test_shift_to_now_ends_when_the_replay_ends(csv_file: File, speed: float | None) -> None:
    checked = playback(csv_file(seconds(100)), speed=speed, shift_to_now=True)
    assert checked.last_s == pytest.approx(NOW_S + 99 / (speed or math.inf))
    assert checked.last_s - checked.first_s == 99
    _, last = run(checked).sent[-1]
    assert last.times_s[-1] == pytest.approx(checked.last_s, abs=1e-3)


def test_start_gives_relative_times_a_place(csv_file: File) -> None:
    file = csv_file("t,v\n0,1\n0.25,2\n")
    with pytest.raises(ReplayError, match="--start"):
        playback(file, TableOptions(time="t"))
    recorder = run(playback(file, TableOptions(time="t"), start_s=NOW_S - 100))
    assert recorder.sent[0][1].times_s == [NOW_S - 100, NOW_S - 99.75]


def test_units_names_and_missing_values_reach_the_wire(csv_file: File) -> None:
    text = "time,Flow RMS,b\n1700000000,1,\n1700000001,,true\n"
    [(_, pack)] = run(playback(csv_file(text), TableOptions(units={"b": "/"}))).sent
    assert (pack.names, pack.units, pack.values) == (["flow_rms", "b"], ["", "/"], [1.0, True])


def test_rows_that_go_back_are_counted_and_kept_in_order(csv_file: File) -> None:
    checked = playback(csv_file("time,v\n1700000002,1\n1700000001,2\n1700000003,3\n"))
    assert checked.backward_rows == 1
    [(_, pack)] = run(checked).sent
    assert pack.values == [1.0, 2.0, 3.0]


def test_everything_is_checked_before_anything_is_sent(csv_file: File) -> None:
    with pytest.raises(ReplayError, match="line 3002"):
        playback(csv_file(seconds(3000) + "soon,1\n"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (seconds(3, start_s=int(NOW_S) + 700), "--shift-to-now"),
        ("time,v\n1970-03-01 00:00:00,1\n", "1978"),
        ("time,v\n1700000000,\n", "no measurement"),
    ],
)
def test_what_the_server_would_refuse_is_refused_here(csv_file: File, text: str, says: str) -> None:
    with pytest.raises(ReplayError, match=says):
        playback(csv_file(text))
