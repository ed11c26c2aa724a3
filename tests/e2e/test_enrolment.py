"""From a token on the server to a device that is heard: enroll, doctor, run."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.product import BIN, Product, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]


def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "forewarn-agent"), *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_device_enrols_with_its_token_once_and_is_heard(product: Product, tmp_path: Path):
    token = json.loads(product.cli("device", "add", "attic-1", "--enroll"))["token"]
    config = tmp_path / "agent.toml"
    call = ["enroll", "--server", product.http_url, "--token", token, "--config", str(config)]
    done = agent(*call, "--spool", str(tmp_path / "spool"))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    again = agent(*call, "--force")
    assert again.returncode == 1
    assert "unknown, used or expired" in again.stderr

    examined = agent("doctor", "--config", str(config))
    assert examined.returncode == 0, examined.stdout
    assert "accepted and acknowledged" in examined.stdout

    running = subprocess.Popen(
        [sys.executable, "-m", "device_agent", "run", "--config", str(config)],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: "yes" in product.cli("device", "list"), "the device's birth", every_s=1)
    finally:
        running.terminate()
        assert running.wait(20) == 0
