"""A real broker and a real agent, each a process that can be killed."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest
from paho.mqtt import client as mqtt

from device_agent.agent import Agent
from device_agent.config import parse_settings
from device_agent.sensor_settings import SensorSettings
from device_agent.sensors.port import SensorDescription, Source
from device_agent.wire import decode_pack

ROOT = Path(__file__).resolve().parents[2]
HANG_S = 30.0


def wait_for(condition, *, what, timeout_s=HANG_S):
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s} s for {what}")
        time.sleep(0.02)
    return found


@pytest.fixture
def waiting():
    return wait_for


@pytest.fixture(name="free_port")
def free_port_of():
    return free_port


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """Mosquitto with nothing kept on disk: what it has not handed on is lost with it."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.process = None
        self.port = free_port()
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_queued_messages 0\n"
        )

    def start(self):
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_for(self.is_open, what="the broker's port")

    def is_open(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Listener:
    """Hears everything under devices/, across restarts of the broker."""

    def __init__(self, port):
        self.heard = []
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="listener", clean_session=True
        )
        self.client.max_inflight_messages_set(1000)
        self.client.reconnect_delay_set(1, 1)
        self.ready = 0
        self.client.on_connect = lambda client, *_: client.subscribe("devices/#", qos=1)
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = lambda _c, _d, m: self.heard.append((m.topic, m.payload, m.retain))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_for(lambda: self.ready, what="the listener's subscription")

    def _on_subscribe(self, *_):
        self.ready += 1

    def leaf(self, leaf):
        return [payload for topic, payload, _ in list(self.heard) if topic.endswith(f"/{leaf}")]

    def packs(self, device_id="dev-1"):
        return [
            decode_pack(p, device_id=device_id, received_s=time.time())
            for p in self.leaf("telemetry")
        ]

    def identities(self):
        return {(pack.boot, pack.seq) for pack in self.packs()}

    def publish(self, topic, payload):
        self.client.publish(topic, payload, qos=1)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class AgentProcess:
    """``forewarn-agent run`` on a folder of its own."""

    def __init__(self, folder, port):
        self.folder = folder
        self.config = folder / "agent.toml"
        self.sensor = folder / "level"
        self.sensor.write_text("1")
        self.spool = folder / "spool"
        self.process = None
        off = "".join(
            f"[sensors.{item.name}]\nenabled = false\n"
            for item in dataclasses.fields(SensorSettings)
            if hasattr(getattr(SensorSettings(), item.name), "enabled")
        )
        self.config.write_text(
            f'device_id = "dev-1"\nmodel = "bench"\n[broker]\nport = {port}\nhost = "127.0.0.1"\n'
            f'[spool]\ndirectory = "{self.spool}"\n[packs]\nmax_age_s = 0\noffline_age_s = 0\n{off}'
            f'[[sensors.file]]\nname = "tank/level"\npath = "{self.sensor}"\nunit = "m"\nperiod_s = 0.1\n'
        )

    def start(self):
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "device_agent", "run", "--config", str(self.config)],
                stderr=log, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    @property
    def log(self):
        path = self.folder / "agent.log"
        return path.read_text() if path.exists() else ""

    def terminate(self):
        """Ask it to leave; gives (exit status, seconds it took)."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=HANG_S)
        self.process = None
        return status, time.monotonic() - begun

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def broker(tmp_path, needs):
    made = Broker(needs("mosquitto"), tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def listener(broker):
    made = Listener(broker.port)
    yield made
    made.close()


@pytest.fixture
def agent(broker, tmp_path):
    made = AgentProcess(tmp_path, broker.port)
    yield made
    made.kill()


def agent_of(folder, broker, *, password=""):
    one = SensorDescription("room/temp", "Cel", "temperature", None, float)
    return Agent(
        parse_settings(
            f'device_id="dev-1"\n[broker]\nhost="localhost"\n{broker}\n'
            f'[spool]\ndirectory="{folder / "spool"}"\n[packs]\nmax_age_s=0\noffline_age_s=0\n'
        ),
        [Source("room", 0.05, time.monotonic, (one,))],
        password=password,
        boot="b1",
        now=time.time,
        monotonic=time.monotonic,
        rng=Random(1),
    )


@pytest.fixture
def run(tmp_path):
    running = []

    def start(broker, **more):
        agent = agent_of(tmp_path, broker, **more)
        thread = threading.Thread(target=agent.run)
        thread.start()
        running.append((agent, thread))
        return agent

    yield start
    for agent, thread in running:
        agent.stop()
        thread.join(HANG_S)
        assert not thread.is_alive()


@pytest.fixture
def certificates(tmp_path, needs):
    """An authority, a certificate for localhost, and one for the device dev-1."""
    needs("openssl")
    place = tmp_path / "tls"
    place.mkdir()
    authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority"]
    server = ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    device = ["-keyout", "dev.key", "-out", "dev.pem", "-subj", "/CN=dev-1"]
    for given in (authority, [*server, *names, *signed], [*device, *signed]):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", *given],
            cwd=place, check=True, capture_output=True,
        )  # fmt: skip
    return place


@pytest.fixture
def listen_at(broker):
    """Give the broker a second listener, whose port is given."""

    def listen(lines):
        port = free_port()
        config = broker.folder / "mosquitto.conf"
        config.write_text(f"{config.read_text()}user root\nlistener {port} 127.0.0.1\n{lines}\n")
        broker.kill()
        broker.start()
        return port

    return listen
