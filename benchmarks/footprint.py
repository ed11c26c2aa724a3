"""What Forewarn takes: time and size of its installs, time to ready and memory of an idle `up`.

Installs go into fresh virtual environments, from a wheel built here, with packages from pip's cache where
it has them. Sizes are those of what the install added. Memory is the resident set of all processes, a
minute after `ready` with nothing connected; shared pages count once for each process.

    python benchmarks/footprint.py [--idle-s 60] [--out benchmarks/results/footprint.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
READY = re.compile(rb"^ready http=\S+ mqtt=\S+$", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--idle-s", type=float, default=60, help="wait so long before memory is read"
    )
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel, build_s = build(folder)
        report = {
            "wheel": {"build_s": build_s, "mb": megabytes(wheel.stat().st_size)},
            "install": {
                "agent": install(folder / "agent", f"{wheel}"),
                "server": install(folder / "server", f"{wheel}[server]"),
            },
            "up": up(folder / "server" / "bin" / "forewarn", folder, given.idle_s),
            "machine": {
                "cpus": os.cpu_count(),
                "processor": platform.processor() or platform.machine(),
                "python": platform.python_version(),
                "load_1min": round(os.getloadavg()[0], 1),
            },
        }
    text = json.dumps(report, indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


def build(folder: Path) -> tuple[Path, float]:
    """The wheel of this checkout, with the build tools of this environment."""
    began_s = time.perf_counter()
    command = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        ROOT,
    ]
    run([sys.executable, *command])
    [wheel] = folder.glob("*.whl")
    return wheel, round(time.perf_counter() - began_s, 1)


def install(environment: Path, what: str) -> dict[str, float]:
    run([sys.executable, "-m", "venv", environment])
    before = size(environment)
    packages = environment / "bin" / "python"
    began_s = time.perf_counter()
    run([packages, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", what])
    seconds = time.perf_counter() - began_s
    return {"seconds": round(seconds, 1), "mb": megabytes(size(environment) - before)}


def up(program: Path, folder: Path, idle_s: float) -> dict[str, Any]:
    """First start in an empty directory, then a second one."""
    first = started(program, folder, idle_s)
    return {"first_ready_s": first["ready_s"], **started(program, folder, idle_s)}


def started(program: Path, folder: Path, idle_s: float) -> dict[str, Any]:
    output = folder / "output"
    command = [program, "up", "--data-dir", folder / "data", "--http-port", "0", "--mqtt-port", "0"]
    began_s = time.perf_counter()
    with output.open("wb") as out, (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=out, stderr=log, cwd=folder)
    try:
        while not READY.search(output.read_bytes()):
            if process.poll() is not None:
                sys.exit((folder / "log").read_text()[-3000:])
            time.sleep(0.02)
        ready_s = round(time.perf_counter() - began_s, 2)
        time.sleep(idle_s)
        return {"ready_s": ready_s, **resident(psutil.Process(process.pid))}
    finally:
        process.terminate()
        process.wait(30)


def resident(server: psutil.Process) -> dict[str, Any]:
    """Resident megabytes by process, their sum, and processor time spent since the start."""
    tree = [server, *server.children(recursive=True)]
    by_name = {child.name(): megabytes(child.memory_info().rss) for child in tree}
    cpu_s = sum(sum(child.cpu_times()[:2]) for child in tree)
    return {
        "rss_mb": round(sum(by_name.values()), 1),
        "by_process_mb": by_name,
        "cpu_s": round(cpu_s, 1),
    }


def run(command: list[str | Path]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def size(folder: Path) -> int:
    """Bytes on disk of everything below."""
    return sum(p.lstat().st_blocks * 512 for p in folder.rglob("*") if not p.is_dir())


def megabytes(count: int) -> float:
    return round(count / 1e6, 1)


if __name__ == "__main__":
    main()
