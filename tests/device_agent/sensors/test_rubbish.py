"""Whatever a machine's files hold: the one sensor is stale, all others go on, nothing false is told."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.sampler import Sampler
from device_agent.sensor_settings import ProcessSettings, SensorSettings, SerialPortSettings
from device_agent.sensors.catalogue import build_sources

RUBBISH = (
    st.binary(max_size=40)
    | st.text("0123456789.-+ex \n:", max_size=60).map(str.encode)
    | st.sampled_from([b"nan", b"inf", b"-1e400", b"9" * 400, b"\xff\xfe", b"0x"])
)


@pytest.fixture(scope="module", params=["raspberry-pi-4", "gateway"])
def bench(request, tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("machine"), request.param)


class Bench:
    """A recorded machine whose files are spoilt and mended one by one."""

    def __init__(self, root, name):
        self.root = root
        self.files = []
        tree = Path(__file__).with_name("trees") / f"{name}.tree"
        parts = tree.read_text().split("\n== ")[1:]
        for part in parts:
            head, _, text = part.partition("\n")
            if " -> " not in head:
                path = root / head.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                self.files.append(path)
        self.s = 0.0
        self.settings = SensorSettings(
            root=str(root),
            process=(ProcessSettings(name="p", program="mosquitto"),),
            serial_port=(SerialPortSettings(name="s", port="/dev/ttyUSB0"),),
        )

    def clock(self):
        self.s += 0.001
        return self.s

    def sources(self):
        return build_sources(self.settings, self.clock, lambda: 1.7e9)

    def take(self, sources):
        self.s += 10
        taken = Sampler(sources, now=lambda: 1.7e9, monotonic=self.clock).take_all()
        for reading in taken.readings:
            assert isinstance(reading.value, str) or math.isfinite(reading.value)
        stale = {event.detail["sensor"] for event in taken.events}
        return {reading.name for reading in taken.readings}, stale


@given(st.data())
def test_one_spoilt_file_spoils_one_source(bench, data):
    sources = bench.sources()
    good, stale = bench.take(sources)
    assert stale == set()
    path = data.draw(st.sampled_from(bench.files))
    kept = path.read_bytes()
    try:
        path.write_bytes(data.draw(RUBBISH))
        left, stale = bench.take(sources)
    finally:
        path.write_bytes(kept)
    owners = {d.name: source for source in sources for d in source.descriptions}
    lost = {owners[name].key.split("/")[0] for name in (good - left) | stale}
    # /proc/uptime dates processes too; one chip's file may serve two metrics of the same chip.
    assert len(lost) <= (2 if path.name == "uptime" else 1), lost


@given(st.data())
def test_a_machine_that_starts_with_a_spoilt_file_starts(bench, data):
    path = data.draw(st.sampled_from(bench.files))
    kept = path.read_bytes()
    try:
        path.write_bytes(data.draw(RUBBISH))
        sources = bench.sources()
        bench.take(sources)
    finally:
        path.write_bytes(kept)
    assert len({source.key for source in sources}) == len(sources)
