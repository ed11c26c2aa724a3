"""The programs that benchmarks/agent_footprint.py measures: how each is told to do the same task."""

import json
import os
import random
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
METRICS = 20
RAM = Path("/dev/shm")
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
        due_s = time.monotonic()
        while True:
            due_s += 1.0
            time.sleep(max(0.0, due_s - time.monotonic()))
            self.step()


class ThingsBoardSide:
    """The two answers of a ThingsBoard server without which its gateway never uploads.

    After connecting it asks for its session's limits by RPC, and for its shared attributes; what is
    answered here is what a server without rate limits says.
    """

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="thingsboard-side")
        self._client.on_message = self._answer
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(
            [("v1/devices/me/rpc/request/+", 1), ("v1/devices/me/attributes/request/+", 1)]
        )
        self._client.loop_start()

    def _answer(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        said: dict[str, object] = {}
        if message.topic.startswith("v1/devices/me/rpc/"):
            if json.loads(message.payload).get("method") != "getSessionLimits":
                return
            said = {
                "maxPayloadSize": 65536, "maxInflightMessages": 100,
                "rateLimits": {}, "gatewayRateLimits": {},
            }  # fmt: skip
        self._client.publish(
            message.topic.replace("/request/", "/response/"), json.dumps(said), qos=1
        )


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
        self.private_bytes = 0

    def read(self) -> tuple[float, int, int]:
        """(processor seconds, bytes written, bytes on the wire) so far; notes the memory."""
        cpu_s, written, memory, private = 0.0, 0, 0, 0
        for each in (self.process, *self.process.children(recursive=True)):
            times = each.cpu_times()
            cpu_s += times.user + times.system
            written += each.io_counters().write_bytes
            seen = each.memory_full_info()
            memory += seen.rss
            private += seen.uss
        self.peak_bytes = max(self.peak_bytes, memory)
        self.private_bytes = max(self.private_bytes, private)
        return cpu_s, written, self.link.count if self.link else 0


def unpack_agent(folder: Path) -> tuple[str, Path]:
    """Build the package, unpack it, and find it an interpreter with nothing else: what a device has."""
    folder.mkdir()
    built = subprocess.run(
        [sys.executable, "packaging/build_deb.py", "--out", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    subprocess.run(["dpkg-deb", "-x", built.stdout.strip(), str(folder)], check=True)
    bare = folder / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    return str(bare / "bin" / "python"), folder / "opt" / "forewarn-agent"


def agent(
    name: str,
    unpacked: tuple[str, Path],
    folder: Path,
    feed: Path,
    broker: str,
    link: Forwarder | None,
) -> Subject:
    """The agent reading twenty files; ``broker``: the lines below [broker]."""
    folder.mkdir()
    listed = subprocess.run(
        [sys.executable, "-c", _OFF], cwd=ROOT, capture_output=True, check=True
    ).stdout
    off = "".join(f"[sensors.{s}]\nenabled = false\n" for s in json.loads(listed))
    files = "".join(
        f'[[sensors.file]]\nname = "bench/m{n}"\npath = "{feed}/m{n}"\nunit = "Cel"\nperiod_s = 1.0\n'
        for n in range(METRICS)
    )
    ram = Path(tempfile.mkdtemp(prefix="footprint-", dir=RAM))
    (folder / "agent.toml").write_text(
        f'device_id = "bench-{folder.name}"\n[broker]\n{broker}\n'
        f'[spool]\ndirectory = "{folder / "spool"}"\nram_directory = "{ram}"\n{off}{files}'
    )
    python, libraries = unpacked
    # As the package's program and its unit start it.
    start = str(libraries / "forewarn-agent")
    command = [python, "-s", "-B", start, "run", "--config", str(folder / "agent.toml")]
    own = {"MALLOC_ARENA_MAX": "1"}
    return Subject(name, command, link, cwd=folder, env={**os.environ, **own})


def thingsboard(program: str, folder: Path, broker_port: int, link: Forwarder) -> Subject:
    """Its MQTT connector takes the numbers from the broker; its uplink publishes them there."""
    config = folder / "config"
    config.mkdir(parents=True)
    (config / "mqtt.json").write_text(json.dumps(_connector(broker_port)))
    main = {
        "thingsboard": {
            "host": "127.0.0.1", "port": link.port, "remoteShell": False,
            "remoteConfiguration": False, "deviceFiltering": {"enable": False},
            "maxPayloadSizeBytes": 8196, "minPackSendDelayMS": 200,
            "checkConnectorsConfigurationInSeconds": 60, "handleDeviceRenaming": False,
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
    own = {"TB_GW_CONFIG_DIR": str(config), "TB_GW_LOGS_PATH": str(folder / "logs")}
    return Subject("thingsboard-gateway", [program], link, cwd=folder, env={**os.environ, **own})


def _connector(broker_port: int) -> dict[str, object]:
    mapping = {
        "topicFilter": "bench/data",
        "subscriptionQos": 1,
        "converter": {
            "type": "json",
            "deviceInfo": {
                "deviceNameExpressionSource": "message", "deviceNameExpression": "${name}",
                "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "default",
            },
            "sendDataOnlyOnChange": False,
            "timeout": 60000,
            "attributes": [],
            "timeseries": [
                {"type": "double", "key": f"m{n}", "value": f"${{m{n}}}"} for n in range(METRICS)
            ],
        },
    }  # fmt: skip
    return {
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
    }  # fmt: skip


def collectd(program: str, folder: Path, feed: Path, link: Forwarder) -> Subject:
    """It reads the table of the twenty numbers with its own plugin."""
    folder.mkdir()
    usr = Path(program).resolve().parents[1]
    table = (
        f'<Plugin table>\n <Table "{feed}/table">\n  Instance bench\n  Separator " "\n  <Result>\n'
        "   Type gauge\n   InstancesFrom 0\n   ValuesFrom 1\n  </Result>\n </Table>\n</Plugin>\n"
    )
    (folder / "collectd.conf").write_text(
        f'Hostname bench\nInterval 1\nBaseDir "{folder}"\nPIDFile "{folder}/pid"\n'
        f'PluginDir "{usr}/lib/collectd"\nTypesDB "{usr}/share/collectd/types.db"\n'
        f"LoadPlugin table\nLoadPlugin mqtt\n{table}"
        f'<Plugin mqtt>\n <Publish "bench">\n  Host "127.0.0.1"\n  Port {link.port}\n'
        "  ClientId collectd\n  QoS 1\n  Prefix collectd\n </Publish>\n</Plugin>\n"
    )
    libraries = ":".join(str(path) for path in (usr / "lib").glob("*-linux-gnu"))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    command = [program, "-f", "-C", str(folder / "collectd.conf")]
    return Subject("collectd", command, link, cwd=folder, env=environment)
