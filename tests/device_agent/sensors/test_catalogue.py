"""Every source is listed, gives sound values on this machine, and has names that are for ever."""

import importlib
import pkgutil
import re
import time
from dataclasses import fields

import pytest

from device_agent import sensors
from device_agent.config import parse_settings
from device_agent.sampler import Sampler
from device_agent.sensor_settings import SensorSettings, SourceSettings
from device_agent.sensors import example
from device_agent.sensors.catalogue import MODULES, build_sources
from device_agent.sensors.naming import apart
from device_agent.sensors.port import Around, slug
from device_agent.sensors.rates import Rates

# IANA's SenML units that a host can have; dBm is of the registry's second table (RFC 8798).
SENML_UNITS = {"", "/", "B", "Cel", "bit/s", "1/s", "s", "bit", "V", "A", "W", "1/min", "%RH", "Pa", "lx", "dBm"}  # fmt: skip
PARTS = {"port", "catalogue", "example", "naming", "rates", "gpio", "found_number", "expiry"}


def take(sources):
    return Sampler(sources, now=time.time, monotonic=time.monotonic).take_all()


def test_all_sources_of_this_machine_give_values_within_their_own_limits(tmp_path):
    around = Around(tmp_path / "/", time.monotonic, time.time)
    sources = build_sources(SensorSettings(), time.monotonic, time.time)
    sources += example.sources(SourceSettings(), around)
    descriptions = {d.name: d for source in sources for d in source.descriptions}
    assert len(descriptions) == sum(len(source.descriptions) for source in sources)
    time.sleep(0.05)
    taken = take(sources)
    assert taken.events == []
    names = {reading.name for reading in taken.readings}
    assert {
        "cpu/queue_per_core",
        "memory/used_share",
        "disk/root/used_share",
        "host/uptime",
    } <= names
    for reading in taken.readings:
        limits = descriptions[reading.name].limits
        assert limits is None or limits[0] <= reading.value <= limits[1], reading
        assert reading.unit in SENML_UNITS
        assert re.fullmatch(r"[a-z0-9_./-]{1,128}", reading.name)


@pytest.mark.parametrize("name", ["raspberry-pi-4", "gateway"])
def test_a_whole_recorded_machine_is_read_without_a_fault(machine, name):
    machine.lay(name)
    settings = SensorSettings(root=str(machine.root))
    sources = build_sources(settings, machine.clock, machine.around.now)
    machine.clock.s += 10
    taken = machine.take(sources)
    assert taken.events == []
    assert len({reading.name for reading in taken.readings}) == len(taken.readings) >= 20
    assert {reading.unit for reading in taken.readings} <= SENML_UNITS


def test_a_source_that_is_switched_off_is_not_there():
    off = [f.name for f in fields(SensorSettings) if f.name != "root" and f.default != ()]
    text = 'device_id="a"\n' + "".join(f"[sensors.{name}]\nenabled=false\n" for name in off)
    assert build_sources(parse_settings(text).sensors, time.monotonic, time.time) == []


def test_every_setting_and_every_module_is_in_the_catalogue():
    assert list(MODULES) == [f.name for f in fields(SensorSettings) if f.name != "root"]
    modules = {
        m.name.removeprefix("device_agent.sensors.")
        for m in pkgutil.walk_packages(sensors.__path__, "device_agent.sensors.")
        if not m.ispkg and m.name.rpartition(".")[2] not in PARTS
    }
    assert modules == set(MODULES.values())
    for module in MODULES.values():
        assert callable(importlib.import_module(f"device_agent.sensors.{module}").sources)


def test_a_machine_with_nothing_leaves_sources_out_and_goes_on(machine):
    machine.root.mkdir()
    sources = build_sources(
        SensorSettings(root=str(machine.root)), machine.clock, machine.around.now
    )
    assert {source.key for source in sources} == {"disk/root", "disk/root/mount", "clock", "uptime"}


def test_any_name_of_the_machine_becomes_part_of_a_metric_name():
    for text in ("CPU Thermal", "€", "", "x" * 500, "a/b"):
        assert re.fullmatch(r"[a-z0-9_.-]{1,60}", slug(text))


def test_names_are_kept_apart_whatever_they_are():
    assert list(apart([("a", 1), ("a", 2), ("a-2", 3), ("a", 4)])) == ["a", "a-2", "a-2-2", "a-3"]


def test_a_counter_is_a_rate_and_a_reset_is_no_negative_one(machine):
    rates = Rates(machine.clock)
    assert rates.per_second({"a": 10}) == {}
    assert rates.per_second({"a": 20}) == {}  # no time has passed
    machine.clock.s += 2
    assert rates.per_second({"a": 30, "new": 1}) == {"a": 5}
    machine.clock.s += 2
    assert rates.per_second({"a": 6}) == {"a": 3}
