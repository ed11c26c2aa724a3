import asyncio
import contextlib
import threading

import nats.errors
import pytest
from nats.aio.client import Client

from server.broker import Broker, Grant

pytestmark = [pytest.mark.broker, pytest.mark.anyio]
REFUSED, NOT_AUTHORIZED = 128, 135


async def _code(one):
    await asyncio.to_thread(one.connect)
    return (await asyncio.to_thread(one.expect, "connect"))[0]


@pytest.mark.parametrize(
    ("username", "password"),
    [("alpha", "wrong"), ("alpha", ""), ("alpha", "beta-secret"), ("gamma", "x"), ("*", "x")],
)
async def test_wrong_password_and_unknown_device_are_refused(broker, device, username, password):
    stranger = device(broker.mqtt_port, username, password, client_id="stranger")
    assert await _code(stranger) == NOT_AUTHORIZED
    assert await _code(device(broker.mqtt_port, "alpha")) == 0


async def test_only_mqtt_is_let_in_by_password(broker):
    async def quiet(error):
        pass

    client = Client()
    with pytest.raises((nats.errors.Error, OSError)):
        await client.connect(
            broker.client_url,
            user="alpha",
            password="alpha-secret",
            allow_reconnect=False,
            error_cb=quiet,
        )
    # nats-py leaves the socket of a refused connection open.
    client._transport.close()
    with contextlib.suppress(OSError):
        await client._transport.wait_closed()


async def test_foreign_publish_is_dropped_and_acknowledged(broker, device):
    # MQTT 3.1.1 has no way to refuse one message: nats-server answers PUBACK, logs the violation,
    # keeps the connection, and the message goes nowhere.
    alpha = device(broker.mqtt_port, "alpha")
    assert await _code(alpha) == 0
    for topic in (
        "devices/beta/telemetry",
        "devices/alpha/commands",
        "devices/alpha/telemetry/more",
        "devices/alpha",
        "elsewhere",
        "$MQTT/msgs/devices/beta/telemetry",
        "$SYS/REQ/USER/AUTH",
        "$JS/API/STREAM/DELETE/$MQTT_msgs",
    ):
        await asyncio.to_thread(alpha.publish, topic, b"foreign")
    await asyncio.to_thread(alpha.publish, "devices/alpha/telemetry", b"own")
    state = await broker.stream.state()
    assert (state.messages, state.last_position) == (1, 1)


async def test_foreign_subscription_is_refused(broker, device):
    alpha = device(broker.mqtt_port, "alpha")
    assert await _code(alpha) == 0
    answers = {
        topic: await asyncio.to_thread(alpha.subscribe, topic, qos)
        for topic, qos in [
            ("devices/beta/commands", 0),
            ("devices/+/commands", 0),
            ("devices/*/commands", 0),
            ("devices/>", 0),
            ("devices/#", 1),
            ("#", 0),
            ("$MQTT/sub/#", 0),
            ("$SYS/#", 0),
            ("devices/alpha/telemetry", 0),
        ]
    }
    assert set(answers.values()) == {REFUSED}, answers
    assert await asyncio.to_thread(alpha.subscribe, "devices/alpha/commands", 0) == 0
    assert await asyncio.to_thread(alpha.subscribe, "devices/alpha/commands", 1) == 1


@pytest.mark.parametrize("qos", [0, 1])
async def test_commands_reach_their_device_alone(broker, device, qos):
    alpha, beta = device(broker.mqtt_port, "alpha"), device(broker.mqtt_port, "beta")
    for one, name in ((alpha, "alpha"), (beta, "beta")):
        assert await _code(one) == 0
        assert await asyncio.to_thread(one.subscribe, f"devices/{name}/commands", qos) == qos
    await broker.publish_command("alpha", b"for alpha")
    await broker.publish_command("beta", b"for beta")
    for one, name in ((alpha, "alpha"), (beta, "beta")):
        got = await asyncio.to_thread(one.expect, "message")
        assert got == (f"devices/{name}/commands", f"for {name}".encode(), False)
    await broker.publish_command("alpha", b"again")
    assert (await asyncio.to_thread(alpha.expect, "message"))[1] == b"again"
    assert not [event for event in list(beta.events.queue) if event[0] == "message"]


async def test_a_stolen_client_id_does_not_bring_its_subscriptions(broker, device):
    alpha = device(broker.mqtt_port, "alpha", client_id="shared", clean_session=False)
    assert await _code(alpha) == 0
    assert await asyncio.to_thread(alpha.subscribe, "devices/alpha/commands", 1) == 1
    alpha.close()
    thief = device(broker.mqtt_port, "beta", client_id="shared", clean_session=False)
    assert await _code(thief) == 0
    assert await asyncio.to_thread(thief.subscribe, "devices/beta/commands") == 0
    await broker.publish_command("alpha", b"secret")
    await broker.publish_command("beta", b"marker")
    assert (await asyncio.to_thread(thief.expect, "message"))[1] == b"marker"


async def test_a_check_that_fails_refuses_and_the_gate_lives_on(settings, device):
    class Broken:
        def check(self, username: str, password: str, client_id: str) -> Grant | None:
            if username == "beta":
                return Grant("not.an*id>")
            if password == "alpha-secret":
                return Grant("alpha")
            raise RuntimeError("the database is away")

    async with Broker(settings, Broken()) as broker:
        assert await _code(device(broker.mqtt_port, "alpha", "x")) == NOT_AUTHORIZED
        assert await _code(device(broker.mqtt_port, "beta")) == NOT_AUTHORIZED
        assert await _code(device(broker.mqtt_port, "alpha")) == 0


async def test_one_slow_check_does_not_hold_up_others(settings, device):
    release = threading.Event()

    class Slow:
        def check(self, username: str, password: str, client_id: str) -> Grant | None:
            if username == "alpha":
                release.wait(20)
            return Grant(username)

    async with Broker(settings, Slow()) as broker:
        alpha, beta = device(broker.mqtt_port, "alpha"), device(broker.mqtt_port, "beta")
        waiting = asyncio.create_task(_code(alpha))
        try:
            assert await _code(beta) == 0
            assert not waiting.done()
        finally:
            release.set()
        assert await waiting == 0


async def test_revoked_device_is_cut_off_and_stays_out(broker, device, passwords):
    alpha, second = (
        device(broker.mqtt_port, "alpha", reconnect=True),
        device(broker.mqtt_port, "alpha"),
    )
    beta = device(broker.mqtt_port, "beta")
    for one in (alpha, second, beta):
        assert await _code(one) == 0
    del passwords.passwords["alpha"]
    assert await broker.disconnect_device("alpha") == 2
    await asyncio.to_thread(second.expect, "disconnect", 5)
    await asyncio.to_thread(alpha.expect, "disconnect", 5)
    assert await asyncio.to_thread(alpha.expect, "connect") == (NOT_AUTHORIZED,)
    await asyncio.to_thread(beta.publish, "devices/beta/telemetry", b"still here")
    assert await broker.disconnect_device("alpha") == 0
