"""Every source gives sound values on this machine, and says nothing false on a broken one."""

import importlib
import pkgutil
import re
from types import SimpleNamespace

import psutil
import pytest

from device_agent import sensors
from device_agent.config import parse_settings
from device_agent.errors import SensorError
from device_agent.sampler import Sampler
from device_agent.sensors import disk, example, file, network, temperature
from device_agent.sensors.catalogue import build_sources
from device_agent.sensors.port import slug
from device_agent.settings import FileSettings, SensorSettings

# IANA's SenML units that a host can have.
SENML_UNITS = {"/", "B", "Cel", "bit/s", "1/s", "s", "bit"}


class Clock:
    s = 0.0

    def __call__(self):
        self.s += 2.0
        return self.s


def take(sources):
    return Sampler(sources, now=lambda: 1.7e9, monotonic=Clock()).take_all()


def test_all_sources_of_this_machine_give_values_within_their_own_limits():
    sources = [*build_sources(SensorSettings(), Clock()), example.source(1.0)]
    descriptions = {d.name: d for source in sources for d in source.descriptions}
    assert len(descriptions) == sum(len(source.descriptions) for source in sources)
    taken = take(sources)
    assert taken.events == []
    names = {reading.name for reading in taken.readings}
    assert {"cpu/load_share", "memory/used_share", "disk/root/used_share", "host/uptime"} <= names
    for reading in taken.readings:
        low, high = descriptions[reading.name].limits
        assert low <= reading.value <= high, reading
        assert reading.unit in SENML_UNITS
        assert re.fullmatch(r"[a-z0-9_./-]{1,128}", reading.name)


def test_a_source_that_is_switched_off_is_not_there():
    text = 'device_id="a"\n' + "".join(
        f"[sensors.{name}]\nenabled=false\n"
        for name in ("cpu", "memory", "disk", "temperature", "network", "uptime")
    )
    assert build_sources(parse_settings(text).sensors, Clock()) == []


def test_every_module_of_sensors_is_in_the_catalogue_or_is_the_example():
    modules = {m.name for m in pkgutil.iter_modules(sensors.__path__)} - {
        "port",
        "catalogue",
        "example",
    }
    catalogue = importlib.import_module("device_agent.sensors.catalogue")
    assert all(hasattr(catalogue, name) for name in modules)


@pytest.fixture
def sys_root(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("class/thermal/thermal_zone0/type", "cpu-thermal\n")
    write("class/thermal/thermal_zone0/temp", "51540\n")
    write("class/thermal/thermal_zone1/type", "cpu-thermal\n")
    write("class/thermal/thermal_zone1/temp", "-5000\n")
    write("class/thermal/thermal_zone2/temp", "")
    write("class/hwmon/hwmon0/name", "nvme")
    write("class/hwmon/hwmon0/temp1_input", "38850")
    write("class/hwmon/hwmon0/temp1_label", "Composite °C")
    write("class/hwmon/hwmon1/device/type", "cpu-thermal")
    write("class/hwmon/hwmon1/temp1_input", "51540")
    return tmp_path


def test_thermometers_are_found_once_each_with_unique_names(sys_root):
    taken = take(temperature.sources(sys_root, 1.0))
    assert {reading.name: reading.value for reading in taken.readings} == {
        "temperature/cpu-thermal": 51.54,
        "temperature/cpu-thermal-2": -5.0,
        "temperature/nvme-composite--c": 38.85,
    }


def test_a_thermometer_that_goes_away_is_stale(sys_root):
    sources = temperature.sources(sys_root, 1.0)
    (sys_root / "class/hwmon/hwmon0/temp1_input").unlink()
    taken = take(sources)
    assert [event.detail["sensor"] for event in taken.events] == ["temperature/nvme-composite--c"]
    assert len(taken.readings) == 2


def test_a_machine_without_thermometers_has_none(tmp_path):
    assert temperature.sources(tmp_path, 1.0) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("21.5", 21.5),
        ("temp=-3.25'C\n", -3.25),
        ("t: +1e3 x 9", 1000.0),
        (".5", 0.5),
        ("\x00\x0042", 42.0),
    ],
)
def test_the_first_number_in_the_file_is_the_value(tmp_path, text, value):
    path = tmp_path / "v"
    path.write_text(text)
    (reading,) = take([file.source(FileSettings("a/b", str(path), "Cel", scale=2.0))]).readings
    assert (reading.name, reading.unit, reading.value) == ("a/b", "Cel", value * 2)


@pytest.mark.parametrize("text", ["", "no number", "-", None, "1e999"])
def test_a_file_without_a_sound_number_is_stale(tmp_path, text):
    path = tmp_path / "v"
    if text is not None:
        path.write_text(text)
    taken = take([file.source(FileSettings("a", str(path)))])
    assert [event.kind for event in taken.events] == ["sensor_stale"]
    assert taken.readings == []


def test_limits_of_a_file_are_told_only_when_both_are_given():
    assert file.source(FileSettings("a", "/x", low=0.0, high=9.0)).descriptions[0].limits == (
        0.0,
        9.0,
    )
    assert file.source(FileSettings("a", "/x", low=0.0)).descriptions[0].limits is None


def counters(received):
    faults = {"errin": received // 100, "errout": 0, "dropin": 0, "dropout": 0}
    return SimpleNamespace(bytes_recv=received, bytes_sent=0, **faults)


def test_traffic_is_a_rate_and_a_reset_counter_is_no_negative_one(monkeypatch):
    answers = iter([{"e0": counters(n)} for n in (1000, 3000, 500)] + [{}])
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: next(answers))
    (source,) = network.sources(["e0"], 1.0, Clock())
    first, second = source.read(), source.read()
    assert (first.received_bit_s, first.faults_per_s) == (8000.0, 10.0)
    assert second.received_bit_s == 500 / 2 * 8
    with pytest.raises(SensorError, match="no interface e0"):
        source.read()


def test_virtual_interfaces_are_left_out_unless_named(monkeypatch):
    monkeypatch.setattr(
        psutil,
        "net_io_counters",
        lambda **_: {n: counters(1) for n in ("lo", "eth0", "veth12", "docker0")},
    )
    assert [source.key for source in network.sources([], 1.0, Clock())] == ["network/eth0"]
    assert [source.key for source in network.sources(["lo"], 1.0, Clock())] == ["network/lo"]


def test_disks_are_named_after_their_mount_point():
    assert disk.source("/", 1.0).key == "disk/root"
    assert disk.source("/var/lib/", 1.0).key == "disk/var-lib"


def test_any_name_of_the_machine_becomes_part_of_a_metric_name():
    for text in ("CPU Thermal", "€", "", "x" * 500, "a/b"):
        assert re.fullmatch(r"[a-z0-9_.-]{1,60}", slug(text))
