"""The package for Debian: what is in it, that its program starts, that it goes in and out of a system."""

import os
import pwd
import re
import shutil
import stat
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


def may_change_this_machine():
    """Say why not; empty: a CI machine, or root who asked for it, where nothing of the agent's is yet."""
    wanted = os.environ.get("CI") == "true" or os.environ.get("FOREWARN_TEST_APT") == "1"
    if not wanted:
        return "installs a package for a moment: only with CI=true or FOREWARN_TEST_APT=1"
    if os.geteuid() != 0:
        return "only root can install packages"
    if shutil.which("apt-get") is None or shutil.which("runuser") is None:
        return "no apt-get here"
    there = [p for p in ("/etc/forewarn-agent", "/opt/forewarn-agent") if Path(p).exists()]
    return f"{there[0]} is there already: an agent lives on this machine" if there else ""


def apt(*arguments):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", *arguments]
    done = run(*command, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def owner_and_mode(path):
    found = Path(path).stat()
    return pwd.getpwuid(found.st_uid).pw_name, stat.S_IMODE(found.st_mode)


@pytest.fixture
def package(tmp_path):
    """Built for the system's Python where that is this version's, so that any user can run it."""
    if reason := may_change_this_machine():
        pytest.skip(reason)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = shutil.which(version, path="/usr/bin") or str(Path(sys.executable).resolve())
    done = run(
        sys.executable, "packaging/build_deb.py", "--out", str(tmp_path), "--python", python,
        cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield Path(done.stdout.strip()), python.startswith("/usr/bin/")
    run("dpkg", "--purge", "forewarn-agent")


@pytest.mark.slow
def test_apt_installs_upgrades_removes_and_purges_it(package):
    """On this machine itself; afterwards it is as before."""
    deb, any_user_can_run = package
    apt("install", "--no-install-recommends", str(deb))
    assert re.match(r"forewarn-agent \d", run("/usr/bin/forewarn-agent", "--version").stdout)
    for directory in ("/etc/forewarn-agent", "/var/lib/forewarn-agent"):
        assert owner_and_mode(directory) == ("forewarn-agent", 0o700)
    unit = "/lib/systemd/system/forewarn-agent.service"
    done = run("systemd-analyze", "verify", "--man=no", unit)
    mine = [line for line in (done.stdout + done.stderr).splitlines() if "forewarn" in line]
    assert (done.returncode, mine) == (0, [])

    config = Path("/etc/forewarn-agent/agent.toml")
    config.write_text('device_id = "d1"\n')
    if any_user_can_run:
        shutil.chown(config, "forewarn-agent")
        as_service = ("runuser", "-u", "forewarn-agent", "--", "/usr/bin/forewarn-agent")
        for command in ("check", "sensors"):
            done = run(*as_service, command, cwd="/")
            assert done.returncode == 0, done.stderr
        assert "uptime" in done.stdout

    apt("install", "--reinstall", str(deb))
    assert config.read_text() == 'device_id = "d1"\n', "an upgrade leaves the configuration alone"
    apt("remove", "forewarn-agent")
    assert not Path("/usr/bin/forewarn-agent").exists()
    assert not Path("/opt/forewarn-agent").exists()
    assert config.exists(), "so does removal"
    apt("purge", "forewarn-agent")
    assert not config.parent.exists()
    assert not Path("/var/lib/forewarn-agent").exists()
    with pytest.raises(KeyError):
        pwd.getpwnam("forewarn-agent")
