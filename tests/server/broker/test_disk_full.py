import asyncio
import contextlib
import subprocess
from dataclasses import replace

import pytest

from server.broker import Broker
from server.broker.disk_watch import DiskWatch

pytestmark = pytest.mark.anyio


class Disk:
    free = 0


async def test_restart_waits_for_room_and_is_repeated_until_it_helps(caplog, until):
    disk, restarts = Disk(), []

    def restart():
        restarts.append(disk.free)
        if len(restarts) == 1:  # the first one does not help
            watch.saw("Critical write error: input/output error")

    watch = DiskWatch(
        free_bytes=lambda: disk.free, needed_bytes=10, restart=restart, poll_s=0.001, pause_s=0.001
    )
    running = asyncio.create_task(watch.run())
    watch.saw("Listening for client connections on 127.0.0.1:4222")
    await asyncio.sleep(0.01)
    assert watch.writing
    watch.saw("Filestore [$MQTT_msgs] Critical write error: no space left on device")
    await asyncio.sleep(0.02)
    assert not watch.writing
    assert restarts == []
    disk.free = 10
    await until(lambda: "writes again" in caplog.text)
    assert restarts == [10, 10]
    assert watch.writing
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert caplog.text.count("can't write") == 1


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "forewarn-test", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.broker
@pytest.mark.slow
async def test_a_full_disk_acknowledges_nothing_and_heals(
    settings, passwords, device, small_disk, until
):
    async with Broker(replace(settings, directory=small_disk / "broker"), passwords) as broker:
        alpha = device(broker.mqtt_port, "alpha", reconnect=True, clean_session=False)
        await asyncio.to_thread(alpha.connect)
        await asyncio.to_thread(alpha.expect, "connect")
        await asyncio.to_thread(alpha.publish, "devices/alpha/telemetry", b"x" * 8000)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        for _ in range(20):
            alpha.client.publish("devices/alpha/telemetry", b"x" * 8000, 1)
        await asyncio.to_thread(alpha.expect, "disconnect")
        assert len(alpha.acknowledged) == 1
        await until(lambda: not broker.writing)
        filler.unlink()
        await until(lambda: len(alpha.acknowledged) == 21)
        assert (await broker.stream.state()).messages == 21
