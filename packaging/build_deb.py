"""Builds forewarn-agent_VERSION_ARCH.deb: `python packaging/build_deb.py --out DIR`.

The package holds the agent and the libraries of its base install under /opt/forewarn-agent, taken from
the environment that runs this, without a network; it needs the same Python minor version on the device.
`--python` says which program that is there (default: this version's name, such as python3.11).
"""

# ruff: noqa: INP001, T201 - a script; this folder must not become a package: there is a library of its name

import argparse
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent
OURS = ("device_agent", "firmware_bridge")

CONTROL = """\
Package: forewarn-agent
Version: {version}
Architecture: {architecture}
Maintainer: Forewarn maintainers <maintainers@forewarn.example>
Section: admin
Priority: optional
Depends: adduser
Recommends: {python}, systemd
Installed-Size: {size_kib}
Description: Forewarn's agent on the device
 Reads the machine's sensors, keeps readings while there is no link, and sends
 them to a Forewarn server over MQTT.
"""

POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if ! getent passwd forewarn-agent >/dev/null; then
        adduser --system --group --quiet --no-create-home --home /var/lib/forewarn-agent forewarn-agent
    fi
    for directory in /etc/forewarn-agent /var/lib/forewarn-agent; do
        install -d -m 0700 -o forewarn-agent -g forewarn-agent "$directory"
    done
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        # Started by whoever has enrolled it; an upgrade goes on where the old version was.
        systemctl try-restart forewarn-agent.service || true
    fi
fi
"""

PRERM = """\
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now forewarn-agent.service || true
fi
"""

POSTRM = """\
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
    rm -rf /etc/forewarn-agent /var/lib/forewarn-agent
    deluser --system --quiet forewarn-agent 2>/dev/null || true
fi
"""

PROGRAM = """\
#!/bin/sh
exec {python} -s -B /opt/forewarn-agent/forewarn-agent "$@"
"""

# Its folder is the first where modules are looked for: no variable that programs of sensors would inherit.
START = """\
import sys

from device_agent.__main__ import main

sys.exit(main())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(), help="directory of the package")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--python", default=version, help="the device's Python")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory) / "tree"
        lay_out(tree, arguments.python)
        print(pack(tree, arguments.out, arguments.python))
    return 0


def lay_out(tree: Path, python: str) -> None:
    """Everything that the package installs."""
    target = tree / "opt" / "forewarn-agent"
    target.mkdir(parents=True)
    for package in OURS:
        if (ROOT / package / "__init__.py").exists():
            shutil.copytree(
                ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__")
            )
    for name in base_install():
        copy_distribution(name, target)
    (target / "forewarn-agent").write_text(START)
    program = tree / "usr" / "bin" / "forewarn-agent"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM.format(python=python))
    program.chmod(0o755)
    unit = tree / "lib" / "systemd" / "system" / "forewarn-agent.service"
    unit.parent.mkdir(parents=True)
    shutil.copyfile(HERE / "forewarn-agent.service", unit)
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-s", str(tree), "-p", "/", str(target)],
        check=True,
    )


def base_install() -> list[str]:
    """Names of the agent's libraries and of theirs."""
    wanted = [Requirement(line) for line in importlib.metadata.requires("forewarn") or []]
    names: list[str] = []
    while wanted:
        requirement = wanted.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name not in names:
            names.append(requirement.name)
            wanted += map(Requirement, importlib.metadata.requires(requirement.name) or [])
    return sorted(names)


def copy_distribution(name: str, target: Path) -> None:
    """Copy what a library's own list of files names, programs and caches left out."""
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or []:
        if ".." in file.parts or "__pycache__" in file.parts or "tests" in file.parts:
            continue
        to = target.joinpath(*file.parts)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(distribution.locate_file(file)), to)


def pack(tree: Path, out: Path, python: str) -> Path:
    """Write the control files and call dpkg-deb."""
    version = importlib.metadata.version("forewarn")
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    size_kib = sum(p.stat().st_size for p in tree.rglob("*") if p.is_file()) // 1024
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        CONTROL.format(
            version=version, architecture=architecture, python=Path(python).name, size_kib=size_kib
        )
    )
    for name, text in (("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)):
        script = control / name
        script.write_text(text)
        script.chmod(0o755)
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o111 else 0o644)
    package = out / f"forewarn-agent_{version}_{architecture}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(package)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return package


if __name__ == "__main__":
    sys.exit(main())
