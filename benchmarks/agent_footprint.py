"""What the agent takes of a small computer, beside two programs with the same task.

    python benchmarks/agent_footprint.py --duration 600 \
        --thingsboard /path/to/venv/bin/thingsboard-gateway --collectd /path/to/collectd

Twenty numbers are read once a second and published to one Mosquitto: memory, processor time, bytes on
the wire (counted by a forwarder in between, both directions), bytes written to disk (/proc/PID/io).
The agent and collectd read them from files; thingsboard-gateway gets them through its MQTT connector; with
Mosquitto as its server it connects, reads and converts, and then waits for a ThingsBoard's answers before
it uploads, so that its figures are what it takes at least. All run at the same time. Programs that are not given
are left out. Results go to benchmarks/results/agent_footprint.json.
"""

import argparse
import json
import os
import platform
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from paho.mqtt import client as mqtt

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "agent_footprint.json"
METRICS = 20
WARM_UP_S = 15
_OFF = """
import dataclasses, json
from device_agent.sensor_settings import SensorSettings as S
print(json.dumps([f.name for f in dataclasses.fields(S) if hasattr(getattr(S(), f.name), "enabled")]))
"""


class Forwarder:
    """Between one program and the broker, counting bytes."""

    def __init__(self, to_port: int) -> None:
        self.count = 0
        self._to_port = to_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            far = socket.create_connection(("127.0.0.1", self._to_port))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self.count += len(data)
                target.sendall(data)
        except OSError:
            pass
        target.close()


class Feeder(threading.Thread):
    """The twenty numbers, each a random walk: in files for some, by MQTT for others."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        folder.mkdir()
        self._values = [20.0 + 3 * n for n in range(METRICS)]
        self._random = random.Random(1)
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="feeder")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.step()

    def step(self) -> None:
        for n in range(METRICS):
            self._values[n] += self._random.gauss(0, 0.05)
            self._write(f"m{n}", f"{self._values[n]:.2f}\n")
        lines = (f"m{n} {value:.2f}\n" for n, value in enumerate(self._values))
        self._write("table", "".join(lines))
        values = {f"m{n}": round(value, 2) for n, value in enumerate(self._values)}
        self._client.publish("bench/data", json.dumps({"name": "bench", **values}))

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all: nobody is to read an empty file."""
        (self.folder / ".new").write_text(text)
        (self.folder / ".new").replace(self.folder / name)

    def run(self) -> None:
        while True:
            time.sleep(1.0)
            self.step()


class Subject:
    """One measured program with all its children."""

    def __init__(
        self, name: str, command: list[str], link: Forwarder | None, **options: object
    ) -> None:
        self.name = name
        self.link = link
        self.log = Path(str(options["cwd"])) / f"{name}.log"
        with self.log.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, **options)  # type: ignore[call-overload]
        self.process = psutil.Process(process.pid)
        self.popen = process
        self.peak_bytes = 0

    def read(self) -> tuple[float, int, int]:
        """(processor seconds, bytes written, bytes on the wire) so far; notes the memory."""
        cpu_s, written, memory = 0.0, 0, 0
        for each in (self.process, *self.process.children(recursive=True)):
            times = each.cpu_times()
            cpu_s += times.user + times.system
            written += each.io_counters().write_bytes
            memory += each.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, memory)
        return cpu_s, written, self.link.count if self.link else 0


def agent(name: str, folder: Path, feed: Path, port: int, link: Forwarder | None) -> Subject:
    folder.mkdir()
    off = "".join(
        f"[sensors.{s}]\nenabled = false\n"
        for s in json.loads(
            subprocess.run(
                [
                    sys.executable, "-c",
                    _OFF,
                ],
                cwd=ROOT, capture_output=True, check=True,
            ).stdout
        )
    )  # fmt: skip
    files = "".join(
        f'[[sensors.file]]\nname = "bench/m{n}"\npath = "{feed}/m{n}"\nunit = "Cel"\nperiod_s = 1.0\n'
        for n in range(METRICS)
    )
    ram = Path(tempfile.mkdtemp(prefix="footprint-", dir="/dev/shm"))
    (folder / "agent.toml").write_text(
        f'device_id = "bench"\n[broker]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[spool]\ndirectory = "{folder / "spool"}"\nram_directory = "{ram}"\n{off}{files}'
    )
    command = [sys.executable, "-m", "device_agent", "run", "--config", str(folder / "agent.toml")]
    return Subject(
        name,
        command,
        link,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "1"},
    )


def thingsboard(program: str, folder: Path, broker_port: int, link: Forwarder) -> Subject:
    config = folder / "config"
    config.mkdir(parents=True)
    mapping = {
        "topicFilter": "bench/data",
        "subscriptionQos": 1,
        "converter": {
            "type": "json",
            "deviceInfo": {
                "deviceNameExpressionSource": "message",
                "deviceNameExpression": "${name}",
                "deviceProfileExpressionSource": "constant",
                "deviceProfileExpression": "default",
            },
            "sendDataOnlyOnChange": False,
            "timeout": 60000,
            "attributes": [],
            "timeseries": [
                {"type": "double", "key": f"m{n}", "value": f"${{m{n}}}"} for n in range(METRICS)
            ],
        },
    }
    (config / "mqtt.json").write_text(
        json.dumps(
            {
                "broker": {
                    "host": "127.0.0.1", "port": broker_port, "clientId": "tb-connector",
                    "version": 5, "maxMessageNumberPerWorker": 10, "maxNumberOfWorkers": 1,
                    "sendDataOnlyOnChange": False, "keepAlive": 60, "cleanSession": True,
                    "cleanStart": True, "sessionExpiryInterval": 0,
                    "security": {"type": "anonymous"},
                },
                "mapping": [mapping],
                "requestsMapping": {
                    "connectRequests": [], "disconnectRequests": [], "attributeRequests": [],
                    "attributeUpdates": [], "serverSideRpc": [],
                },
            }
        )
    )  # fmt: skip
    main = {
        "thingsboard": {
            "host": "127.0.0.1", "port": link.port, "remoteShell": False,
            "remoteConfiguration": False, "deviceFiltering": {"enable": False},
            "maxPayloadSizeBytes": 8196, "minPackSendDelayMS": 200, "checkConnectorsConfigurationInSeconds": 60,
            "handleDeviceRenaming": False,
            "security": {"type": "accessToken", "accessToken": "bench"}, "qos": 1,
            "statistics": {"enable": False, "statsSendPeriodInSeconds": 3600},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
        },
        "storage": {"type": "memory", "read_records_count": 100, "max_records_count": 100000},
        "grpc": {"enabled": False},
        "connectors": [{"type": "mqtt", "name": "bench", "configuration": "mqtt.json"}],
    }  # fmt: skip
    (config / "tb_gateway.json").write_text(json.dumps(main))
    installed = next(Path(program).parents[1].glob("lib/python*/site-packages/thingsboard_gateway"))
    logs = (installed / "config" / "logs.json").read_text()
    (folder / "logs").mkdir()
    (config / "logs.json").write_text(logs.replace("./logs", str(folder / "logs")))
    environment = {
        **os.environ,
        "TB_GW_CONFIG_DIR": str(config),
        "TB_GW_LOGS_PATH": str(folder / "logs"),
    }
    return Subject("thingsboard-gateway", [program], link, cwd=folder, env=environment)


def collectd(program: str, folder: Path, feed: Path, link: Forwarder) -> Subject:
    folder.mkdir()
    usr = Path(program).resolve().parents[1]
    instances = (
        f'<Plugin table>\n <Table "{feed}/table">\n  Instance bench\n  Separator " "\n  <Result>\n'
        "   Type gauge\n   InstancesFrom 0\n   ValuesFrom 1\n  </Result>\n </Table>\n</Plugin>\n"
    )
    (folder / "collectd.conf").write_text(
        f'Hostname bench\nInterval 1\nBaseDir "{folder}"\nPIDFile "{folder}/pid"\n'
        f'PluginDir "{usr}/lib/collectd"\nTypesDB "{usr}/share/collectd/types.db"\n'
        f"LoadPlugin table\nLoadPlugin mqtt\n{instances}"
        f'<Plugin mqtt>\n <Publish "bench">\n  Host "127.0.0.1"\n  Port {link.port}\n'
        "  ClientId collectd\n  QoS 1\n  Prefix collectd\n </Publish>\n</Plugin>\n"
    )
    libraries = ":".join(str(path) for path in (usr / "lib").glob("*-linux-gnu"))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    command = [program, "-f", "-C", str(folder / "collectd.conf")]
    return Subject("collectd", command, link, cwd=folder, env=environment)


def measure(subjects: list[Subject], heard: dict[str, int], duration_s: float) -> dict[str, object]:
    time.sleep(WARM_UP_S)
    before = {s.name: s.read() for s in subjects}
    messages_before = dict(heard)
    begun_s = time.monotonic()
    while (lasted_s := time.monotonic() - begun_s) < duration_s:
        time.sleep(min(5.0, duration_s - lasted_s))
        for subject in subjects:
            subject.read()
    results: dict[str, object] = {}
    for subject in subjects:
        after = subject.read()
        cpu_s, written, wired = (b - a for a, b in zip(before[subject.name], after, strict=True))
        results[subject.name] = {
            "rss_peak_mb": round(subject.peak_bytes / 1e6, 1),
            "cpu_share_of_one_core": round(cpu_s / lasted_s, 4),
            "wire_bytes_per_sample": round(wired / (METRICS * lasted_s), 1),
            "disk_mb_per_day": round(written / lasted_s * 86_400 / 1e6, 1),
            "messages": heard.get(subject.name, 0) - messages_before.get(subject.name, 0),
        }
    return results


def listen(port: int) -> dict[str, int]:
    """How many messages of each program reached the broker: that it did its task at all."""
    heard: dict[str, int] = {}
    owners = {"devices": "agent", "v1": "thingsboard-gateway", "collectd": "collectd"}

    def note(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if owner := owners.get(message.topic.split("/")[0]):
            heard[owner] = heard.get(owner, 0) + 1

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="listener")
    client.on_message = note
    client.connect("127.0.0.1", port)
    client.subscribe("#")
    client.loop_start()
    return heard


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--duration", type=float, default=600.0, metavar="S")
    parser.add_argument("--thingsboard", metavar="PROGRAM")
    parser.add_argument("--collectd", metavar="PROGRAM")
    parser.add_argument("--keep", action="store_true", help="print the programs' last words")
    arguments = parser.parse_args()
    mosquitto = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if mosquitto is None:
        sys.exit("mosquitto is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        (folder / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        broker = subprocess.Popen(
            [mosquitto, "-c", str(folder / "m.conf")], stderr=subprocess.DEVNULL
        )
        time.sleep(1)
        feeder = Feeder(folder / "feed", port)
        feeder.start()
        heard = listen(port)
        subjects: list[Subject] = []
        try:
            link = Forwarder(port)
            subjects.append(agent("agent", folder / "a", feeder.folder, link.port, link))
            subjects.append(agent("agent without a broker", folder / "b", feeder.folder, 1, None))
            if arguments.thingsboard:
                between = Forwarder(port)
                subjects.append(thingsboard(arguments.thingsboard, folder / "t", port, between))
            if arguments.collectd:
                between = Forwarder(port)
                subjects.append(collectd(arguments.collectd, folder / "c", feeder.folder, between))
            programs = measure(subjects, heard, arguments.duration)
        finally:
            for subject in subjects:
                subject.popen.terminate()
                subject.popen.wait(20)
                if arguments.keep:
                    print(subject.name, subject.log.read_text(errors="replace")[-3000:])
            broker.terminate()
            for ram in Path("/dev/shm").glob("footprint-*"):
                shutil.rmtree(ram)
    result = {
        "machine": {
            "cpus": os.cpu_count(), "machine": platform.machine(),
            "python": platform.python_version(), "load_1min": round(os.getloadavg()[0], 2),
        },
        "metrics": METRICS, "period_s": 1.0, "duration_s": arguments.duration,
        "programs": programs,
    }  # fmt: skip
    text = json.dumps(result, indent=2)
    RESULT.write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
