"""VictoriaMetrics is killed under load, or answers slowly: the broker holds what waits, memory does not grow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import program
from tests.e2e.faults.load import LONG, Desk, counted, fleet, wait_flowing
from tests.e2e.product import Product, running
from tests.server.telemetry.victoria import VictoriaProcess

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.needs("victoria-metrics"),
]

AWAY_S = 60 if LONG else 3
SLOW_S = 60 if LONG else 5
DELAY_S = 0.5
DEVICES, RATE, PACK = 20, 120, 10
MOST_GROWTH_MB = 150


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[VictoriaProcess]:
    found = program("victoria-metrics")
    assert found is not None
    started = VictoriaProcess(found, tmp_path / "victoria")
    yield started
    started.stop()


def product_on(tmp_path: Path, port: int) -> Product:
    data = tmp_path / "data"
    data.mkdir()
    url = f"victoriametrics+http://127.0.0.1:{port}"
    (data / "forewarn.toml").write_text(f'telemetry_url = "{url}"\n')
    return Product(data)


def in_store(victoria: VictoriaProcess) -> tuple[int, int]:
    """(samples, distinct ones) of the load, as VictoriaMetrics exports them."""
    base = f"http://127.0.0.1:{victoria.port}"
    httpx.get(f"{base}/internal/force_flush", trust_env=False)
    answer = httpx.get(
        f"{base}/api/v1/export",
        params={"match[]": 'forewarn_value{device=~"load-.*"}'},
        trust_env=False,
        timeout=30,
    )
    samples = [
        (series["metric"]["device"], series["metric"]["metric"], time_ms)
        for series in map(json.loads, answer.text.splitlines())
        for time_ms in series["timestamps"]
    ]
    return len(samples), len(set(samples))


def test_store_is_down_and_then_slow(
    tmp_path: Path, victoria: VictoriaProcess, tell: Callable[[str], None]
) -> None:
    with slowly(victoria.port) as (port, slow), running(product_on(tmp_path, port)) as product:
        desk = Desk(product)
        server = psutil.Process(product.pid)
        with fleet(
            product, devices=DEVICES, rate=RATE, pack_samples=PACK, duration=AWAY_S + SLOW_S + 6
        ) as load:
            wait_flowing(product)
            victoria.kill()
            time.sleep(AWAY_S)
            victoria.start()
            time.sleep(1)
            before = most = server.memory_info().rss
            slow.set()
            while load.running:
                most = max(most, server.memory_info().rss)
                time.sleep(0.1)
            result = load.result()
        slow.clear()
        desk.settle()
        sent, (stored, distinct) = result["packs_sent"] * PACK, in_store(victoria)
        quarantined, incidents, _ = counted(product.data_dir, "load-")
    grown_mb = (most - before) / 2**20
    tell(
        f"store down for {AWAY_S} s, then {DELAY_S} s slow for {SLOW_S} s: {sent} samples sent, {stored} "
        f"stored, {distinct} distinct, {quarantined} quarantined; the server grew by {grown_mb:.0f} MB, "
        f"PUBACK p99 {result['puback_ms']['p99']} ms"
    )
    assert result["packs_acknowledged"] == result["packs_sent"]
    assert result["reconnects"] == 0, "devices do not notice"
    assert (stored, distinct) == (sent, sent)
    assert (quarantined, incidents) == (0, 0)
    assert grown_mb < MOST_GROWTH_MB


@contextlib.contextmanager
def slowly(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A proxy before `port`: while the event is set each answer comes `DELAY_S` late."""
    slow, loop = threading.Event(), asyncio.new_event_loop()

    async def pass_on(reader: Any, writer: Any, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                if answers and slow.is_set():
                    await asyncio.sleep(DELAY_S)
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def serve(reader: Any, writer: Any) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return
        await asyncio.gather(
            pass_on(reader, there[1], answers=False), pass_on(there[0], writer, answers=True)
        )

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1], slow
    finally:
        server.close()
        # The product has stopped: each side ends by itself.
        asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(10)
        deadline_s = time.monotonic() + 10
        while asyncio.all_tasks(loop) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
