"""What is written for Mosquitto, read by a real one."""

import time

import paho.mqtt.client as mqtt
import pytest

from server.device import service
from server.device.mosquitto import ACCESS, CONFIG, PASSWORDS, MosquittoFiles, config_file
from tests.mosquitto import HANG_S, Mosquitto

pytestmark = [pytest.mark.broker, pytest.mark.needs("mosquitto")]

SERVER = ("forewarn", "s3cret: with $ign")


class Client:
    """Connects once; says how it went, and what it hears."""

    def __init__(self, port, username, password):
        self.heard = []
        self.gone = False
        self.codes = []
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"c-{username}",
            reconnect_on_failure=False,
            protocol=mqtt.MQTTv5,
        )
        self.client.username_pw_set(username, password)
        self.client.on_connect = lambda _c, _d, _f, code, _p: self.codes.append(str(code))
        self.client.on_disconnect = lambda *_a: setattr(self, "gone", True)
        self.client.on_message = lambda _c, _d, message: self.heard.append(message.topic)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait(lambda: self.codes)

    @property
    def is_in(self):
        return self.codes == ["Success"] and not self.gone

    def publish(self, topic):
        """Until it is answered; a message that is denied may cost the connection."""
        sent = self.client.publish(topic, b"x", qos=1)
        wait(lambda: self.gone or sent.is_published())

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def wait(condition):
    deadline_s = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


@pytest.fixture
def join():
    made = []

    def join(*arguments):
        made.append(Client(*arguments))
        return made[-1]

    yield join
    for client in made:
        client.close()


def test_mosquitto_lets_in_whom_we_know_to_what_he_was_given(needs, tmp_path, database, now, join):
    files = MosquittoFiles(tmp_path, *SERVER)
    with database.transaction() as session:
        pump = service.add_device(session, device_id="pump", now=now)[1]
        plug = service.add_device(session, device_id="plug", topics=["tele/plug/#"], now=now)[1]
        assert files.write(session) == 0
    for name in (PASSWORDS, ACCESS):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o640
    assert pump not in (tmp_path / PASSWORDS).read_text()
    (tmp_path / CONFIG).write_text(config_file(tmp_path))
    include = (tmp_path / CONFIG).read_text().splitlines()
    ours = [line for line in include if not line.startswith(("persistence", "autosave", "max_"))]
    with Mosquitto(needs("mosquitto"), tmp_path / "broker", *ours) as broker:
        server = join(broker.port, *SERVER)
        assert server.is_in
        server.client.subscribe("#", qos=1)
        assert not join(broker.port, "pump", plug).is_in
        assert not join(broker.port, "nobody", "").is_in
        for topic in ("devices/plug/telemetry", "tele/plug/SENSOR", "devices/pump/commands"):
            join(broker.port, "pump", pump).publish(topic)
        join(broker.port, "plug", plug).publish("tele/other/SENSOR")
        device, foreign = join(broker.port, "pump", pump), join(broker.port, "plug", plug)
        device.publish("devices/pump/telemetry")
        foreign.publish("tele/plug/SENSOR")
        wait(lambda: {"devices/pump/telemetry", "tele/plug/SENSOR"} <= set(server.heard))
        assert sorted(server.heard) == ["devices/pump/telemetry", "tele/plug/SENSOR"]

        with database.transaction() as session:
            service.revoke_device(session, "pump", now=now)
            new_secret = service.rotate_secret(session, "plug", now=now)
            files.write(session)
        broker.reload()
        wait(lambda: device.gone and foreign.gone)
        assert not join(broker.port, "pump", pump).is_in
        assert not join(broker.port, "plug", plug).is_in
        assert join(broker.port, "plug", new_secret).is_in
        assert server.is_in


def test_a_device_from_before_is_counted_and_left_out(tmp_path, database, now):
    with database.transaction() as session:
        service.add_device(session, device_id="old", now=now)[0].mosquitto_hash = ""
        session.flush()
        assert MosquittoFiles(tmp_path, *SERVER).write(session) == 1
    assert "old:" not in (tmp_path / PASSWORDS).read_text()
