"""Seen working, with Mosquitto: long outages, deaths under load, disks and clocks that go wrong.

LONG_TESTS=1 runs the deaths for a minute instead of some seconds, and a week of twenty metrics instead
of a day of two; both tell their figures.
"""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from random import Random

import pytest

from device_agent.agent import Agent
from device_agent.config import parse_settings
from device_agent.packer import Packer
from device_agent.sampler import Reading
from device_agent.sensors.port import SensorDescription, Source
from device_agent.spool import SqliteSpool, read_depth
from device_agent.wire import decode_event, decode_pack

pytestmark = [pytest.mark.broker, pytest.mark.slow]

HANG_S = 60.0
DAY_S = 86_400
START_S = 1.7e9
IS_LONG = bool(os.environ.get("LONG_TESTS"))
KILLING_S = 60.0 if IS_LONG else 8.0


class Inside:
    """An agent on a thread of the test, whose clock and disk the test owns."""

    def __init__(self, folder, port, *, more="", spool_directory=None):
        self.offset_s = 0.0
        one = SensorDescription("a/v", "V", "voltage", None, float)
        self.agent = Agent(
            parse_settings(
                f'device_id="dev-1"\n[broker]\nhost="127.0.0.1"\nport={port}\n{more}'
                f'[spool]\ndirectory="{spool_directory or folder / "spool"}"\nbacklog_per_s=10000\n'
                "[packs]\nmax_age_s=0\noffline_age_s=0\n"
            ),
            [Source("a", 0.02, time.monotonic, (one,))],
            password="",
            boot="b1",
            now=lambda: time.time() + self.offset_s,
            monotonic=time.monotonic,
            rng=Random(1),
        )
        self.thread = threading.Thread(target=self.agent.run)
        self.thread.start()

    def stop(self):
        self.agent.stop()
        self.thread.join(HANG_S)
        assert not self.thread.is_alive()


@pytest.fixture
def inside(broker, tmp_path):
    made = []

    def build(**options):
        made.append(Inside(tmp_path, broker.port, **options))
        return made[-1]

    yield build
    for each in made:
        if each.thread.is_alive():
            each.stop()


def week_of_packs(days, metrics, every_s=10, start_s=START_S):
    """What the agent would spool offline, at one reading a second of each metric."""
    clock = {"s": 0.0}
    settings = parse_settings('device_id="dev-1"').packs
    packer = Packer(settings, device_id="dev-1", boot="past", monotonic=lambda: clock["s"])
    random = Random(1)
    values = [20.0 + n for n in range(metrics)]
    for begin in range(0, days * DAY_S, every_s):
        for second in range(begin, begin + every_s):
            values = [v + random.gauss(0, 0.05) for v in values]
            packer.add(
                Reading(f"sensor/m{n}", "Cel", start_s + second, round(v, 2))
                for n, v in enumerate(values)
            )
        yield from packer.close()


def test_a_day_without_a_broker_arrives_whole_once_and_with_its_own_times(
    inside, listener, tmp_path, waiting
):
    spool = SqliteSpool(tmp_path / "spool", 10**9, flush_s=3600)
    for payload in week_of_packs(1, 2, every_s=60):
        spool.put("telemetry", payload, START_S)
    spool.close()
    inside()
    count = DAY_S // 60

    def past():
        return [p for p in listener.packs() if p.boot == "past"]

    waiting(lambda: len(past()) >= count, what="the whole day", timeout_s=90)
    packs = past()
    assert [pack.seq for pack in packs] == list(range(count)), "each once, in order"
    times = sorted(t for pack in packs for t in pack.times_s)
    assert times == sorted(2 * [START_S + n for n in range(DAY_S)])


def test_a_week_of_twenty_metrics_fits_the_default_quota():
    """An hour is packed; the week is 168 of it."""
    quota = parse_settings('device_id="d"').spool.quota_bytes
    packs = []
    for payload in week_of_packs(1, 20):
        packs.append(len(payload) + 64)
        if len(packs) == 360:
            break
    assert sum(packs) * 24 * 7 < quota


@pytest.mark.skipif(not IS_LONG, reason="some minutes: only with LONG_TESTS=1")
def test_a_week_of_twenty_metrics_drains_once_in_order_through_a_death(
    agent, listener, waiting, tell
):
    """With the default quota and rate; the agent is killed in the middle, and takes up where it was."""
    quota = parse_settings('device_id="d"').spool.quota_bytes
    start_s = float(int(time.time()) - 7 * DAY_S)
    count = 7 * DAY_S // 10
    spool = SqliteSpool(agent.spool, quota, flush_s=3600)
    for n, payload in enumerate(week_of_packs(7, 20, start_s=start_s)):
        spool.put("telemetry", payload, start_s + 10 * n)
    assert spool.dropped().count == 0
    depth = spool.depth()
    spool.close()
    on_disk = (agent.spool / "spool.db").stat().st_size
    assert depth.count == count

    begun_s = time.monotonic()
    agent.start()
    waiting(lambda: len(listener.heard) > count // 2, what="half a week", timeout_s=900)
    rss_kb = next(
        int(line.split()[1])
        for line in Path(f"/proc/{agent.process.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    agent.kill()
    agent.start()

    waiting(lambda: len(listener.heard) >= count, what="a week", timeout_s=900)
    waiting(lambda: read_depth(agent.spool)[0].count <= 2, what="an empty spool", timeout_s=120)
    lasted_s = time.monotonic() - begun_s
    agent.terminate()

    seen, again, out_of_order, wrong, last = set(), 0, 0, 0, -1
    for payload in listener.leaf("telemetry"):
        pack = decode_pack(payload, device_id="dev-1", received_s=0.0)
        if pack.boot != "past":
            continue
        if pack.seq in seen:
            again += 1
            continue
        seen.add(pack.seq)
        out_of_order += pack.seq < last
        last = max(last, pack.seq)
        first_s = start_s + 10 * pack.seq
        wrong += sorted(pack.times_s) != sorted(20 * [first_s + s for s in range(10)])
    tell(
        f"a week of 20 metrics at 1 Hz: {count} messages, {20 * 7 * DAY_S} samples,"
        f" {depth.size_bytes / 1e6:.1f} MB of the quota's {quota / 1e6:.0f}, {on_disk / 1e6:.1f} MB on"
        f" disk; drained in {lasted_s:.0f} s ({count / lasted_s:.0f} messages/s) through a kill -9;"
        f" lost {count - len(seen)}, sent again {again}, out of order {out_of_order}, with other"
        f" times {wrong}; peak RSS {rss_kb / 1000:.1f} MB"
    )
    assert (count - len(seen), out_of_order, wrong) == (0, 0, 0)
    assert again <= 200, "what was on its way at the death, and no more"


def test_deaths_every_second_under_load_lose_nothing_that_was_spooled(
    agent, listener, waiting, tell
):
    until_s = time.monotonic() + KILLING_S
    deaths = 0
    while time.monotonic() < until_s:
        agent.start()
        # A second of work: on a busy machine it would die before it has begun.
        waiting(lambda lives=deaths + 1: agent.log.count("agent started") == lives, what="a start")
        time.sleep(1.0)
        agent.kill()
        deaths += 1
    agent.start()
    waiting(lambda: "link up" in agent.log, what="a link")
    waiting(lambda: read_depth(agent.spool)[0].count <= 2, what="an empty spool")
    agent.terminate()
    by_boot = {}
    for boot, seq in listener.identities():
        by_boot.setdefault(boot, set()).add(seq)
    assert len(by_boot) >= 2
    for boot, numbers in by_boot.items():
        assert numbers == set(range(len(numbers))), boot
    whole = sum(map(len, by_boot.values()))
    again = len(listener.leaf("telemetry")) - whole
    tell(f"{deaths} deaths in {KILLING_S:.0f} s: {whole} packs, 0 missing, {again} sent again")
    assert deaths >= 5


def test_the_clock_set_back_an_hour_and_forward_a_day_loses_nothing(inside, listener, waiting):
    running = inside()
    for offset_s in (0.0, -3600.0, 86_400.0):
        running.offset_s = offset_s
        seen = len(listener.packs())
        waiting(lambda seen=seen: len(listener.packs()) > seen + 20, what="readings go on")
    running.stop()
    packs = listener.packs()
    assert [pack.seq for pack in packs] == list(range(len(packs)))
    now_s = time.time()
    shifts = {round((t - now_s) / 3600) for pack in packs for t in pack.times_s}
    assert shifts == {0, -1, 24}


def test_a_broker_replaced_by_an_empty_one_hears_birth_and_all_that_waited(
    inside, broker, listener, waiting
):
    running = inside()
    waiting(lambda: len(listener.packs()) > 5, what="first packs")
    # The listener must be back first, or the new broker would hand the backlog to nobody.
    running.agent._uplink._backoff._first_s = 6.0
    running.agent._uplink._backoff._ceiling_s = 6.0
    broker.kill()
    waiting(lambda: not running.agent._uplink.is_up, what="the loss being noticed")
    waiting(lambda: running.agent._spool.count("telemetry") > 20, what="a backlog")
    births, ready = len(listener.leaf("state")), listener.ready
    broker.start()
    waiting(lambda: listener.ready > ready, what="the listener's return")
    waiting(lambda: len(listener.leaf("state")) > births, what="a second birth")
    waiting(lambda: running.agent._spool.count() <= 2, what="an empty spool")
    running.stop()
    events = [decode_event(payload).kind for payload in listener.leaf("events")]
    assert "link_fault" in events


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few hundred kilobytes, where this machine lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(place)],
        capture_output=True, check=False,
    ) if os.geteuid() == 0 and shutil.which("mount") else None  # fmt: skip
    if done is None or done.returncode != 0:
        pytest.skip("a file system can't be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, bytes(1024)):
            pass
    except OSError:
        pass
    finally:
        os.close(descriptor)


def test_a_full_disk_is_told_sent_around_and_recovered_from(inside, listener, small_disk, waiting):
    running = inside(spool_directory=small_disk / "spool")
    waiting(lambda: len(listener.packs()) > 5, what="first packs")
    fill(small_disk / "filler")
    seen = len(listener.packs())
    waiting(lambda: len(listener.packs()) > seen + 50, what="readings in spite of a full disk")
    kinds = [decode_event(p).kind for p in listener.leaf("events")]
    assert kinds.count("spool_fault") == 1
    (small_disk / "filler").unlink()
    waiting(
        lambda: "spool_back" in [decode_event(p).kind for p in listener.leaf("events")],
        what="the disk's return being told",
    )
    running.stop()
    numbers = {seq for _, seq in listener.identities()}
    assert numbers == set(range(max(numbers) + 1)), "nothing was lost meanwhile"


def test_a_disk_that_can_not_be_written_at_all_is_no_reason_to_be_silent(
    inside, listener, tmp_path, waiting
):
    (tmp_path / "file").write_text("")
    running = inside(spool_directory=tmp_path / "file" / "spool")
    waiting(lambda: len(listener.packs()) > 5, what="readings")
    running.stop()
    assert [decode_event(p).kind for p in listener.leaf("events")] == ["spool_fault"]


def test_a_whole_spool_of_any_age_decodes(tmp_path):
    """Guards the tests above: what the packer makes is what the listener reads."""
    payload = next(iter(week_of_packs(1, 3)))
    pack = decode_pack(payload, device_id="dev-1", received_s=0.0)
    assert len(pack) == 30
    assert (pack.boot, pack.seq) == ("past", 0)
