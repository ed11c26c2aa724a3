"""The disk that holds everything is full for a while: nothing acknowledged is lost, all goes on by itself."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.load import LONG, Desk, fleet, kept, wait_flowing
from tests.e2e.product import Product, running

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

FULL_S = 60 if LONG else 3
DEVICES, RATE, PACK = 20, 40, 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192m", "forewarn-test", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_full_and_freed(small_disk: Path, tell: Callable[[str], None]) -> None:
    with running(Product(small_disk / "data")) as product:
        desk = Desk(product)
        with fleet(
            product, devices=DEVICES, rate=RATE, pack_samples=PACK, duration=FULL_S + 4, drain=180
        ) as load:
            wait_flowing(product)
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            time.sleep(FULL_S)
            filler.unlink()
            result = load.result(timeout_s=400)
        desk.settle()
        assert product.stop() == 0
    found = kept(product.data_dir, "load-")
    sent = result["packs_sent"] * PACK
    assert result["packs_acknowledged"] == result["packs_sent"]
    assert (found.samples, found.distinct, found.quarantined) == (sent, sent, 0)
    tell(
        f"disk full for {FULL_S} s: {sent} samples sent, {found.samples} stored, "
        f"{result['packs_resent']} packs sent again, 0 quarantined"
    )
