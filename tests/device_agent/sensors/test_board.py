"""Sensors on the board, through the kernel's files, from trees of /sys; lines through their port."""

import pytest

from device_agent.sensor_settings import LineSettings, PulseCounterSettings, SourceSettings
from device_agent.sensors.board import (
    contact,
    hwmon,
    iio,
    one_wire,
    pulse_counter,
    temperature,
    throttling,
)

ANY = SourceSettings()


def test_thermometers_are_found_once_each_with_unique_names(gateway):
    assert gateway.values(temperature.sources(ANY, gateway.around)) == {
        "temperature/nvme-composite--c": 38.85,
        "temperature/nvme-composite--c-2": 41.85,
    }


def test_a_zone_is_not_listed_a_second_time_as_a_chip(pi):
    assert pi.values(temperature.sources(ANY, pi.around)) == {"temperature/cpu-thermal": 51.54}


def test_a_thermometer_that_goes_away_is_stale(gateway):
    sources = temperature.sources(ANY, gateway.around)
    gateway.path("/sys/class/hwmon/hwmon1/temp1_input").unlink()
    assert gateway.faults(sources).keys() == {"temperature/nvme-composite--c"}


def test_throttling_bits(pi):
    sources = throttling.sources(ANY, pi.around)
    on = {name.removeprefix("board/") for name, value in pi.values(sources).items() if value}
    assert on == {"under_voltage", "throttled", "under_voltage_since_boot", "throttled_since_boot"}
    pi.write("/sys/devices/platform/soc/soc:firmware/get_throttled", "0x0\n")
    assert not any(pi.values(sources).values())


def test_chips_of_all_kinds(pi):
    assert pi.values(hwmon.sources(ANY, pi.around)) == {
        "hwmon/rpi_volt/alarm": True,
        "hwmon/ina219/in1": 12.096,
        "hwmon/ina219/curr1": -0.412,
        "hwmon/ina219/power1": 4.98,
        "hwmon/pwmfan/fan1": 2750.0,
    }


def test_labels_and_averages(gateway):
    assert gateway.values(hwmon.sources(ANY, gateway.around)) == {
        "hwmon/nct6775/vcore": 0.88,
        "hwmon/nct6775/alarm": False,
        "hwmon/acpi_power_meter/power1": 61.5,
    }


def test_one_wire(pi):
    assert pi.values(one_wire.sources(ANY, pi.around)) == {
        "temperature/w1-28-0316a2793fff": 23.125,
        "temperature/w1-28-0516b51a27ff": -19.5,
    }


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("aa : crc=57 NO\naa t=23125", "checksum"),
        ("aa : crc=aa YES\naa t=85000", "not powered"),
        ("", "can't be read"),
        ("aa : crc=aa YES\naa t=", "can't be read"),
    ],
)
def test_rubbish_on_the_wire_is_no_temperature(pi, answer, said):
    (source, _) = one_wire.sources(ANY, pi.around)
    pi.write("/sys/bus/w1/devices/28-0316a2793fff/w1_slave", answer)
    assert said in pi.faults([source])["temperature/w1-28-0316a2793fff"]


def test_85_degrees_on_the_way_up_are_believed(pi):
    (source, _) = one_wire.sources(ANY, pi.around)
    for milli in (80000, 85000):
        pi.write("/sys/bus/w1/devices/28-0316a2793fff/w1_slave", f"crc=aa YES\nt={milli}")
        assert pi.values([source]) == {"temperature/w1-28-0316a2793fff": milli / 1000}


def test_industrial_sensors(pi):
    assert pi.values(iio.sources(ANY, pi.around)) == {
        "iio/bme280/temperature": 21.37,
        "iio/bme280/humidity": 47.215,
        "iio/bme280/pressure": 98753.417968,
        "iio/ads1015/voltage0": 3.0,
        "iio/ads1015/voltage0-voltage1": 0.012,
        "iio/opt3001/illuminance": 312.5,
        "iio/hdc1080/temperature": pytest.approx((25000 - 15887.515151) * 2.517700195 / 1000),
    }


def test_a_scale_may_be_shared_by_all_channels_of_a_kind(machine):
    device = "/sys/bus/iio/devices/iio:device0"
    for leaf, text in {"name": "adc", "in_voltage1_raw": "100", "in_voltage_scale": "0.5", "in_voltage_offset": "-20"}.items():  # fmt: skip
        machine.write(f"{device}/{leaf}", text)
    assert machine.values(iio.sources(ANY, machine.around)) == {"iio/adc/voltage1": 0.04}


class Line:
    """A line in memory."""

    def __init__(self):
        self.active, self.count, self.broken = False, 0, False

    def is_active(self):
        if self.broken:
            raise OSError("gone")
        return self.active

    def pulses(self):
        self.is_active()
        return self.count


def test_a_contact_is_what_its_line_is(machine):
    line, opened = Line(), []
    source = contact.source(LineSettings(name="door/open"), lambda: opened.append(1) or line)
    assert machine.values([source]) == {"door/open": False}
    line.active = True
    assert machine.values([source]) == {"door/open": True}
    line.broken = True
    assert "gone" in machine.faults([source])["door/open"]
    line.broken = False
    assert machine.values([source]) == {"door/open": True}
    assert len(opened) == 2


def test_pulses_become_a_rate_in_the_unit_asked_for(machine):
    line = Line()
    settings = PulseCounterSettings(name="water/flow", per_pulse=0.5, unit="l/s")
    source = pulse_counter.source(settings, machine.around, lambda: line)
    assert machine.values([source]) == {}
    machine.clock.s += 10
    line.count = 40
    assert machine.values([source]) == {"water/flow": 2.0}
    machine.clock.s += 10
    assert machine.values([source]) == {"water/flow": 0.0}


@pytest.mark.parametrize("module", [contact, pulse_counter])
def test_a_line_that_can_not_be_had_says_why(machine, module):
    settings = PulseCounterSettings(name="a", chip="/dev/gpiochip99", line=1)
    (reason,) = machine.faults(module.sources(settings, machine.around)).values()
    assert "gpiod is not installed" in reason or "gpiochip99" in reason
