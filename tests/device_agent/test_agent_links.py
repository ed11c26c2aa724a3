"""The link in its forms, against real brokers: TLS, MQTT 5, WebSocket, a revoked device, discovery."""

import asyncio
import json

import pytest

from server.broker import Broker, BrokerSettings, Grant

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_tls_with_an_authority_of_ones_own(certificates, run, waiting, request, listen_at):
    port = listen_at(f"certfile {certificates / 'cert.pem'}\nkeyfile {certificates / 'key.pem'}")
    listener = request.getfixturevalue("listener")
    run(f'port={port}\ntls=true\nca_file="{certificates / "ca.pem"}"')
    waiting(lambda: len(listener.packs()) > 3, what="packs over TLS")


# paho leaves the socket of a handshake that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_certificate_that_nobody_vouches_for_is_refused(certificates, run, waiting, listen_at):
    port = listen_at(f"certfile {certificates / 'cert.pem'}\nkeyfile {certificates / 'key.pem'}")
    agent = run(f"port={port}\ntls=true")
    waiting(lambda: "CERTIFICATE_VERIFY_FAILED" in agent._uplink._reason, what="the refusal")


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_web_sockets_and_both_versions(run, waiting, request, listen_at, protocol):
    port = listen_at("protocol websockets")
    listener = request.getfixturevalue("listener")
    run(f'port={port}\ntransport="websockets"\nprotocol="{protocol}"')
    waiting(lambda: len(listener.packs()) > 3, what="packs over a WebSocket")


def test_home_assistant_is_told_of_the_sensors_and_can_read_the_values(
    broker, listener, run, waiting
):
    listener.client.subscribe("homeassistant/#", qos=1)
    run(f"port={broker.port}\nhome_assistant=true")
    found = waiting(
        lambda: [(t, p) for t, p, _ in listener.heard if t.startswith("homeassistant/")],
        what="the announcement",
    )
    topic, payload = found[0]
    assert topic == "homeassistant/sensor/forewarn_dev-1/room-temp/config"
    config = json.loads(payload)
    assert (config["device_class"], config["unit_of_measurement"]) == ("temperature", "°C")
    pack = json.loads(waiting(lambda: listener.leaf("telemetry"), what="telemetry")[0])
    assert pack[0]["n"] == "room/temp", "plain JSON, as the template reads it"
    assert config["state_topic"] == "devices/dev-1/telemetry"


class Passwords:
    def __init__(self):
        self.good = "right"

    def check(self, username, password, client_id):
        return Grant(username) if password == self.good else None


def test_credentials_revoked_while_connected_are_tried_slowly_and_nothing_is_lost(
    tmp_path, run, waiting
):
    """With the server's own broker."""
    passwords = Passwords()

    async def scene():
        settings = BrokerSettings(tmp_path / "broker", mqtt_port=0, stream_max_bytes=2**26)
        async with Broker(settings, passwords) as broker:
            agent = await asyncio.to_thread(run, f"port={broker.mqtt_port}", password="right")
            uplink = agent._uplink
            await asyncio.to_thread(waiting, lambda: uplink.is_up, what="a link")
            passwords.good = "changed"
            await broker.disconnect_device("dev-1")
            await asyncio.to_thread(
                waiting, lambda: uplink._is_refused and not uplink.is_up, what="the refusal"
            )
            await asyncio.to_thread(
                waiting, lambda: agent._spool.count("telemetry") > 20, what="a backlog"
            )
            assert uplink._slow_backoff._ceiling_s > 2.0
            passwords.good = "right"
            await asyncio.to_thread(
                waiting,
                lambda: uplink.is_up and agent._spool.count() <= 2,
                what="all that waited being sent",
            )
            assert (await broker.client.jetstream().stream_info("$MQTT_msgs")).state.messages > 20

    asyncio.run(scene())
