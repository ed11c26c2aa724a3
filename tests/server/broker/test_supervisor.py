import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from server.broker import Broker, BrokerStartFailed
from server.broker.server_binary import find_server_binary
from server.kit.errors import DataDirectoryError, PortInUse

pytestmark = [pytest.mark.broker, pytest.mark.anyio]


def _start(*arguments, **options):
    return subprocess.Popen(*arguments, **options)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_killed_broker_comes_back_on_the_same_ports(broker, device, until):
    port, url, first = broker.mqtt_port, broker.client_url, broker.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: broker.pid not in {None, first} and broker.connected)
    assert (broker.mqtt_port, broker.client_url, broker.restarts) == (port, url, 1)
    # The gate is back as well.
    for _ in range(50):
        one = device(port, "alpha")
        try:
            await asyncio.to_thread(one.connect)
            if await asyncio.to_thread(one.expect, "connect") == (0,):
                return
        except OSError:
            await asyncio.sleep(0.1)
    pytest.fail("nobody was let in after the restart")


async def test_stop_leaves_no_process_and_start_works_again(settings, passwords):
    broker = Broker(settings, passwords)
    for _ in range(2):
        await broker.start()
        pid = broker.pid
        assert _alive(pid)
        await broker.stop()
        assert not _alive(pid)
        assert not broker.connected


async def test_a_port_in_use_is_said(settings, passwords):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)):
            await Broker(replace(settings, mqtt_port=port), passwords).start()


async def test_second_broker_on_one_directory_is_refused(broker, settings, passwords):
    with pytest.raises(DataDirectoryError, match="another"):
        await Broker(settings, passwords).start()
    assert _alive(broker.pid)


async def test_a_server_that_ends_at_once_leaves_its_last_words(settings, passwords, tmp_path):
    program = tmp_path / "nats-server"
    program.write_text("#!/bin/sh\necho 'the moon is in the wrong phase' >&2\nexit 3\n")
    program.chmod(0o755)
    broker = Broker(settings, passwords, environment={"FOREWARN_NATS_SERVER": str(program)})
    with pytest.raises(BrokerStartFailed, match=r"status 3.*wrong phase"):
        await broker.start()


async def test_a_damaged_key_file_is_refused_at_start(settings, passwords):
    settings.directory.mkdir()
    (settings.directory / "account.seed").write_text("not a seed")
    with pytest.raises(BrokerStartFailed, match=r"account\.seed"):
        await Broker(settings, passwords).start()


RUN = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from server.broker import Broker, BrokerSettings

    class Nobody:
        def check(self, username, password, client_id):
            return None

    async def main():
        async with Broker(BrokerSettings(Path(sys.argv[1]), mqtt_port=0), Nobody()) as broker:
            print(broker.pid, broker.mqtt_port, flush=True)
            await asyncio.sleep(600)

    asyncio.run(main())
""")


async def test_kill_9_of_the_server_takes_the_broker_along(settings, until):
    parent = _start(
        [sys.executable, "-c", RUN, str(settings.directory)], stdout=subprocess.PIPE, text=True
    )
    try:
        line = await asyncio.to_thread(parent.stdout.readline)
        pid = int(line.split()[0])
        assert _alive(pid)
        parent.kill()
        await until(lambda: not _alive(pid))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


async def test_an_orphan_is_stopped_before_the_next_start(broker, settings, passwords, tmp_path):
    # A broker that outlived its parent, as where the kernel has no parent-death signal.
    orphan_dir = tmp_path / "orphan"
    orphan_dir.mkdir()
    config = settings.config_path.read_text().replace(str(settings.directory), str(orphan_dir))
    own = replace(settings, directory=orphan_dir)
    # Its own free ports, so that the running fixture is left alone.
    for used in (broker.mqtt_port, int(broker.client_url.rsplit(":", 1)[1])):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            config = config.replace(str(used), str(probe.getsockname()[1]))
    own.config_path.write_text(config)
    orphan = _start(
        [find_server_binary(os.environ), "-c", str(own.config_path)], stderr=subprocess.DEVNULL
    )
    own.pid_path.write_text(str(orphan.pid))
    try:
        # An orphan's parent is init, which reaps; here that is us.
        reaped = asyncio.create_task(asyncio.to_thread(orphan.wait))
        async with Broker(own, passwords) as successor:
            assert not _alive(orphan.pid)
            assert _alive(successor.pid)
        await reaped
    finally:
        orphan.kill()


async def test_a_foreign_process_with_a_reused_pid_is_left_alone(settings, passwords):
    bystander = _start(["sleep", "60"])
    try:
        settings.directory.mkdir()
        settings.pid_path.write_text(str(bystander.pid))
        async with Broker(settings, passwords):
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
