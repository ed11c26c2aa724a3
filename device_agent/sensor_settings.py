"""What can be read, and how: the settings below ``[sensors]``."""

# ruff: noqa: RUF009 - setting() is dataclasses.field() with a meaning

from dataclasses import dataclass

from device_agent.json_path import path_fault
from device_agent.setting import METRIC, PERIOD, UNIT, WORD, regex_fault, setting


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A source of readings."""

    enabled: bool = setting(default=True, help_text="false: do not read it")
    period_s: float = setting(10.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class SlowSettings(SourceSettings):
    """A source that changes slowly or costs something to read."""

    period_s: float = setting(60.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class DiskSettings(SourceSettings):
    """Space on file systems."""

    paths: tuple[str, ...] = setting(("/",), "mount points to watch")


@dataclass(frozen=True, slots=True)
class NetworkSettings(SourceSettings):
    """Traffic, errors and link of network interfaces."""

    interfaces: tuple[str, ...] = setting((), "empty: all but loopback and virtual ones")


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """A process that must be there: give its program or its pid_file."""

    name: str = setting(
        "", "part of the metrics' names", pattern=WORD, required=True, example="modem"
    )
    program: str = setting("", "name of the program", example="ModemManager")
    pid_file: str = setting("", "file that holds its process id")
    period_s: float = setting(10.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class SerialPortSettings:
    """A serial port, and which device should be behind it (empty: any)."""

    name: str = setting(
        "", "part of the metrics' names", pattern=WORD, required=True, example="meter"
    )
    port: str = setting(
        "",
        "the port, or a stable link to it",
        pattern=r"/dev/.+",
        required=True,
        example="/dev/ttyUSB0",
    )
    vendor: str = setting("", "USB vendor, four hex digits", pattern=r"([0-9a-f]{4})?")
    product: str = setting("", "USB product, four hex digits", pattern=r"([0-9a-f]{4})?")
    serial: str = setting("", "USB serial number")
    period_s: float = setting(10.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """A certificate, in a file (PEM or DER) or shown by a TLS server."""

    name: str = setting(
        "", "part of the metrics' names", pattern=WORD, required=True, example="broker"
    )
    path: str = setting("", "file that holds it; the first of a chain counts")
    host: str = setting("", "server that shows it", example="localhost")
    port: int = setting(8883, "port of that server", low=1, high=65_535)
    soon_days: float = setting(21.0, "from here on it counts as expiring", low=0.0, high=3650.0)
    period_s: float = setting(3600.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class LineSettings:
    """A contact on a GPIO line."""

    name: str = setting(
        "", "name of the metric", pattern=METRIC, required=True, example="door/open"
    )
    chip: str = setting("/dev/gpiochip0", "character device", pattern=r"/dev/.+")
    line: int = setting(0, "number of the line", low=0, high=1023, required=True, example=17)
    active_low: bool = setting(default=False, help_text="true: a low level is the active one")
    bias: str = setting(
        "as-is", "the chip's own resistor", choices=("as-is", "pull-up", "pull-down", "disabled")
    )
    debounce_ms: int = setting(10, "shorter changes are not seen", low=0, high=10_000)
    period_s: float = setting(1.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class PulseCounterSettings(LineSettings):
    """Pulses on a GPIO line, told as a rate: a flow or power meter's output."""

    name: str = setting(
        "", "name of the metric", pattern=METRIC, required=True, example="water/flow"
    )
    per_pulse: float = setting(1.0, "what one pulse stands for, in the unit times seconds")
    unit: str = setting("1/s", "SenML unit of the rate", pattern=UNIT)
    period_s: float = setting(10.0, "seconds over which pulses are counted", **PERIOD)


@dataclass(frozen=True, slots=True)
class ValueSettings:
    """One number that is brought in from outside the kernel."""

    name: str = setting("", "name of the metric", pattern=METRIC, required=True)
    unit: str = setting("", "SenML unit, such as Cel, V or /", pattern=UNIT)
    scale: float = setting(1.0, "the number is multiplied by this")
    low: float = setting(float("-inf"), "smallest physically possible value")
    high: float = setting(float("inf"), "largest physically possible value")
    period_s: float = setting(10.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class TextValueSettings(ValueSettings):
    """A number that has to be found in a text; with neither pattern nor json, the first number."""

    pattern: str = setting(
        "", "regular expression; its first group, or the whole, is the number", check=regex_fault
    )
    json: str = setting("", "path in JSON, such as main.temps[0]", check=path_fault)


@dataclass(frozen=True, slots=True)
class FileSettings(TextValueSettings):
    """A number that some other program keeps in a file."""

    name: str = setting(
        "", "name of the metric", pattern=METRIC, required=True, example="tank/level"
    )
    path: str = setting(
        "", "file holding it", pattern=r".+", required=True, example="/run/tank-level"
    )


@dataclass(frozen=True, slots=True)
class ExecSettings(TextValueSettings):
    """A number that a program prints."""

    name: str = setting(
        "", "name of the metric", pattern=METRIC, required=True, example="ups/charge"
    )
    run: tuple[str, ...] = setting(
        (), "program and arguments; no shell", required=True, example=("/usr/local/bin/ups-charge",)
    )
    timeout_s: float = setting(5.0, "it is ended after this", low=0.1, high=300.0)
    period_s: float = setting(60.0, "seconds between readings", **PERIOD)


@dataclass(frozen=True, slots=True)
class HttpSettings(TextValueSettings):
    """A number that a web server in reach gives."""

    name: str = setting(
        "", "name of the metric", pattern=METRIC, required=True, example="meter/power"
    )
    url: str = setting(
        "",
        "address",
        pattern=r"https?://[^\s/]+\S*",
        required=True,
        example="http://192.168.1.20/status",
    )
    token_file: str = setting("", "file whose first line is sent as bearer token")
    ca_file: str = setting("", "certificate authority of the server; empty: the system's")
    timeout_s: float = setting(5.0, "seconds for the whole answer", low=0.1, high=300.0)


@dataclass(frozen=True, slots=True)
class ModbusSettings(ValueSettings):
    """A number in a Modbus TCP device; needs the extra ``modbus``."""

    name: str = setting(
        "", "name of the metric", pattern=METRIC, required=True, example="pump/pressure"
    )
    host: str = setting("", "address", pattern=r"\S+", required=True, example="192.168.1.30")
    port: int = setting(502, "TCP port", low=1, high=65_535)
    unit_id: int = setting(1, "device behind that address", low=0, high=255)
    table: str = setting(
        "holding", "kind of register", choices=("holding", "input", "coil", "discrete")
    )
    address: int = setting(0, "register, counted from 0", low=0, high=65_535)
    type: str = setting(
        "uint16",
        "how registers make a number",
        choices=("uint16", "int16", "uint32", "int32", "float32", "uint64", "int64", "float64"),
    )
    word_order: str = setting("big", "which register comes first", choices=("big", "little"))
    timeout_s: float = setting(3.0, "seconds for the answer", low=0.1, high=60.0)


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """What is read, and how often."""

    root: str = setting("/", "where /proc and /sys are found", pattern=r"/.*")
    cpu: SourceSettings = setting(SourceSettings, "load of the processor")
    memory: SourceSettings = setting(SourceSettings, "memory and swap")
    disk: DiskSettings = setting(
        DiskSettings, "space on file systems, and whether they are read-only"
    )
    disk_io: SourceSettings = setting(SourceSettings, "traffic of disks")
    wear: SlowSettings = setting(
        SlowSettings, "wear and errors of disks, where the kernel shows it"
    )
    temperature: SourceSettings = setting(SourceSettings, "the kernel's thermometers")
    throttling: SourceSettings = setting(
        SourceSettings, "under-voltage and throttling of a Raspberry Pi"
    )
    network: NetworkSettings = setting(NetworkSettings, "traffic, errors and link")
    wifi: SourceSettings = setting(SourceSettings, "strength of the Wi-Fi signal")
    clock: SlowSettings = setting(SlowSettings, "how far off the clock is")
    uptime: SlowSettings = setting(SlowSettings, "time since the machine started")
    units: SlowSettings = setting(SlowSettings, "systemd units that have failed")
    hwmon: SourceSettings = setting(
        SourceSettings, "voltages, fans, currents, powers of sensor chips"
    )
    iio: SourceSettings = setting(
        SourceSettings, "industrial sensors: climate, light, analogue inputs"
    )
    one_wire: SourceSettings = setting(SourceSettings, "thermometers on a 1-wire bus (DS18B20)")
    process: tuple[ProcessSettings, ...] = setting((), "processes that must be there")
    serial_port: tuple[SerialPortSettings, ...] = setting((), "serial ports that must be there")
    certificate: tuple[CertificateSettings, ...] = setting((), "certificates that will expire")
    contact: tuple[LineSettings, ...] = setting((), "contacts on GPIO lines; needs the extra gpio")
    pulse_counter: tuple[PulseCounterSettings, ...] = setting(
        (), "pulses on GPIO lines; needs the extra gpio"
    )
    file: tuple[FileSettings, ...] = setting((), "numbers that other programs keep in files")
    exec: tuple[ExecSettings, ...] = setting((), "numbers that programs print")
    http: tuple[HttpSettings, ...] = setting((), "numbers that web servers give")
    modbus: tuple[ModbusSettings, ...] = setting((), "numbers in Modbus TCP devices")
