"""From a live Mosquitto into the journal: what is held back, given up, taken over, and said."""

import asyncio
import time

import pytest
from paho.mqtt.publish import multiple, single

from server.broker import Broker, BrokerSettings, Grant
from server.broker.address import parse_address
from server.ingest.intake import Intake
from server.ingest.journal import Journal
from server.ingest.mqtt import MqttIntakes
from tests.mosquitto import Mosquitto

pytestmark = [pytest.mark.anyio, pytest.mark.broker, pytest.mark.needs("mosquitto")]

TOPIC = "devices/d/telemetry"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def mosquitto(needs, tmp_path):
    with Mosquitto(needs("mosquitto"), tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
async def start(mosquitto, tmp_path):
    """`await start(workers=1)`: connected intakes on the same journal file; stopped at the end."""
    made = []

    async def start(*, mqtt_5=True, max_bytes=2**26, **options):
        for earlier in made:
            await earlier.stop()
        made.clear()
        address = parse_address(mosquitto.url, mqtt_5=mqtt_5)
        intakes = MqttIntakes(address, tmp_path / "journal", max_bytes=max_bytes, **options)
        made.append(intakes)
        intakes.start()
        await until(lambda: intakes.connected)
        return intakes

    yield start
    for intakes in made:
        await intakes.stop()


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for sends no event
            await asyncio.sleep(0.01)


async def publish(mosquitto, *payloads, topic=TOPIC, retain=False):
    messages = [{"topic": topic, "payload": p, "qos": 1, "retain": retain} for p in payloads]
    await asyncio.to_thread(multiple, messages, port=mosquitto.port)


def kept(intakes):
    return [message.payload for message in intakes.journal.after(0, 100_000)]


@pytest.mark.parametrize("mqtt_5", [True, False], ids=["5", "3.1.1"])
async def test_what_comes_while_we_are_away_waits_at_the_broker(start, mosquitto, mqtt_5):
    await start(mqtt_5=mqtt_5)
    await (await start(mqtt_5=mqtt_5)).stop()
    await publish(mosquitto, *[b"%d" % n for n in range(50)])
    again = await start(mqtt_5=mqtt_5)
    await until(lambda: len(kept(again)) == 50)
    assert kept(again) == [b"%d" % n for n in range(50)]


async def test_a_full_journal_holds_the_broker_back_and_nothing_is_lost(start, mosquitto, caplog):
    intakes = await start(max_bytes=100_000)
    await publish(mosquitto, *[b"%d" % n + bytes(2000) for n in range(3000)])
    await until(lambda: not intakes.writing)
    seen, position = [], 0
    async with asyncio.timeout(60):
        while len(seen) < 3000:
            messages = intakes.journal.after(position, 500)
            seen += [int(m.payload.rstrip(b"\0")) for m in messages]
            position = messages[-1].position if messages else position
            intakes.journal.forget(position)
            await asyncio.sleep(0.01)
    assert seen == list(range(3000))
    said = [
        r.message for r in caplog.records if "taken in" in r.message or "taking in" in r.message
    ]
    assert "too much waits" in said[0]
    assert said[-1].endswith("taking in again")


async def test_a_worker_fewer_leaves_nothing_behind(start, mosquitto):
    """Whoever shared before keeps its session; it is emptied and gets nothing new."""
    first = await start(workers=3)
    await publish(mosquitto, *[b"a%d" % n for n in range(30)])
    await until(lambda: len(kept(first)) == 30)
    await first.stop()
    await publish(mosquitto, *[b"b%d" % n for n in range(30)])
    second = await start(workers=1)
    await until(lambda: len(kept(second)) >= 60)
    await publish(mosquitto, *[b"c%d" % n for n in range(30)])
    await until(lambda: len(kept(second)) >= 90)
    assert sorted(kept(second)) == sorted(
        b"%s%d" % (x, n) for x in (b"a", b"b", b"c") for n in range(30)
    )


async def test_a_retained_copy_says_so_and_comes_once(start, mosquitto):
    await publish(mosquitto, b"old", topic="devices/d/state", retain=True)
    intakes = await start()
    await until(lambda: kept(intakes))
    await publish(mosquitto, b"new", topic="devices/d/state", retain=True)
    await until(lambda: len(kept(intakes)) == 2)
    intakes = await start()
    await publish(mosquitto, b"last")
    await until(lambda: b"last" in kept(intakes))
    found = [(m.payload, m.retained) for m in intakes.journal.after(0, 10)]
    assert found == [(b"old", True), (b"new", False), (b"last", False)]


async def test_outages_are_said_once_when_they_begin_and_when_they_end(start, mosquitto, caplog):
    intakes = await start()
    mosquitto.kill()
    await until(lambda: not intakes.connected)
    await asyncio.sleep(3)  # several tries
    mosquitto.start()
    await until(lambda: intakes.connected)
    said = [r.message for r in caplog.records if r.name == "server.ingest.intake"]
    assert len(said) == 2
    assert "broke off" in said[0]
    assert said[1].endswith("the broker is back")


@pytest.fixture
def alone(tmp_path):
    """`alone(port, user)`: one intake, started; stopped at the end."""
    made = []
    journal = Journal(tmp_path / "alone", max_bytes=2**20)

    def alone(port, user):
        address = parse_address(f"mqtt://{user}:s3cret@127.0.0.1:{port}", mqtt_5=False)
        made.append(Intake(address, "one", ["devices/+/telemetry"], journal, now_s=time.time))
        made[-1].start()
        return made[-1]

    yield alone
    for intake in made:
        intake.stop()
    journal.close()


async def test_a_wrong_password_is_said_once_without_the_password(needs, tmp_path, caplog, alone):
    (tmp_path / "passwd").write_text("")
    lines = ("allow_anonymous false", f"password_file {tmp_path}/passwd")
    with Mosquitto(needs("mosquitto"), tmp_path / "m", *lines) as broker:
        intake = alone(broker.port, "forewarn")
        await until(lambda: intake.refused)
        await asyncio.sleep(2.5)
        assert "Not authorized" in intake.refused
        assert not intake.connected
        errors = [record for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == 1
        assert "s3cret" not in caplog.text
        await asyncio.to_thread(intake.stop)


class OneDevice:
    def check(self, username, password, client_id):
        return Grant(username) if username == "pump" else None


async def test_a_broker_that_lets_us_in_but_not_listen_is_no_broker_for_us(tmp_path, alone):
    """nats-server says so in its SUBACK; Mosquitto is silent about it."""
    async with Broker(BrokerSettings(tmp_path / "b", mqtt_port=0), OneDevice()) as broker:
        intake = alone(broker.mqtt_port, "pump")
        await until(lambda: intake.refused)
        assert "does not let us subscribe" in intake.refused
        assert not intake.connected
        await asyncio.to_thread(intake.stop)


async def test_a_qos_0_message_is_taken_in_too(start, mosquitto):
    intakes = await start()
    await asyncio.to_thread(single, TOPIC, b"x", 0, port=mosquitto.port)
    await until(lambda: kept(intakes) == [b"x"])
