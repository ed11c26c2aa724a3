"""The package for Debian: what is in it, that its program starts, that it goes in and out of a system."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging" / "forewarn-agent.service"


def needed(program):
    if shutil.which(program) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    needed("systemd-analyze")
    unit = tmp_path / UNIT.name
    # The program is not installed here; any that is there will do.
    unit.write_text(UNIT.read_text().replace("/usr/bin/forewarn-agent", "/bin/true"))
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    mine = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
    assert (done.returncode, mine) == (0, [])


def test_the_unit_watches_limits_and_names_a_user():
    text = UNIT.read_text()
    for setting in ("WatchdogSec=", "Restart=always", "MemoryMax=", "User=forewarn-agent"):
        assert setting in text
    exit_of_a_wrong_configuration = 2
    assert f"RestartPreventExitStatus={exit_of_a_wrong_configuration}" in text


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    needed("dpkg-deb")
    out = tmp_path_factory.mktemp("deb")
    done = run(
        sys.executable, "packaging/build_deb.py", "--out", str(out), "--python", sys.executable,
        cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.mark.slow
def test_the_package_is_small_and_holds_nothing_of_the_server(deb):
    names = run("dpkg-deb", "-c", str(deb)).stdout
    assert "./usr/bin/forewarn-agent" in names
    assert "./lib/systemd/system/forewarn-agent.service" in names
    for foreign in ("/server/", "/anomaly/", "numpy", "/tests/"):
        assert foreign not in names
    assert deb.stat().st_size < 8_000_000


@pytest.mark.slow
def test_what_it_unpacks_runs_by_itself(deb, tmp_path):
    assert run("dpkg-deb", "-x", str(deb), str(tmp_path)).returncode == 0
    script = (tmp_path / "usr/bin/forewarn-agent").read_text()
    program = tmp_path / "forewarn-agent"
    program.write_text(script.replace("/opt/", f"{tmp_path}/opt/"))
    program.chmod(0o755)
    done = run(
        str(program), "check", "--print-defaults", cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    assert "device_id" in done.stdout
    assert re.match(r"forewarn-agent \d", run(str(program), "--version").stdout)


@pytest.mark.slow
def test_it_is_installed_and_purged_without_a_trace(deb):
    """In a root of its own, so that the machine under test stays as it is."""
    if os.geteuid() != 0:
        pytest.skip("only root can install packages")
    with tempfile.TemporaryDirectory() as root:
        admin = Path(root) / "var/lib/dpkg"
        for name in ("info", "updates", "triggers"):
            (admin / name).mkdir(parents=True)
        (admin / "status").write_text("")
        options = [
            "dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless", "--no-triggers",
        ]  # fmt: skip
        # The scripts would make a user on this machine: they are looked at, not run.
        control = Path(root) / "control"
        assert run("dpkg-deb", "-R", str(deb), str(control)).returncode == 0
        for script in ("postinst", "prerm", "postrm"):
            path = control / "DEBIAN" / script
            assert run("sh", "-n", str(path)).returncode == 0
            path.unlink()
        bare = Path(root) / "bare.deb"
        assert run("dpkg-deb", "--build", str(control), str(bare)).returncode == 0
        shutil.rmtree(control)
        done = run(*options, "-i", str(bare))
        assert done.returncode == 0, done.stderr
        assert (Path(root) / "opt/forewarn-agent/device_agent/agent.py").exists()
        done = run(*options, "--purge", "forewarn-agent")
        assert done.returncode == 0, done.stderr
        assert not (Path(root) / "opt").exists()
        assert not (Path(root) / "usr/bin/forewarn-agent").exists()
