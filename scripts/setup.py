"""Makes `.venv` with everything in it; does nothing where all is as it should be.

Standard library only: it runs before anything is installed. A stamp in the environment says for which
dependencies and which Python it was finished; a half-made, broken or outdated one is mended or made anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
import tomllib
from collections import deque
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ".[server,bridge,flash,postgresql,dev]"


class SetupError(Exception):
    """The environment can't be made; the message says what to do."""


def main() -> int:
    environment = ROOT / ".venv"
    try:
        if is_ready(environment, ROOT):
            build_bundle(environment)
            return 0
        started = time.monotonic()
        make_environment(environment)
        install(environment)
        remove_dropped(environment, ROOT)
        stamp(environment).write_text(fingerprint(ROOT))
        say(f"ready in {time.monotonic() - started:.0f} s")
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def stamp(environment: Path) -> Path:
    return environment / ".forewarn-ready"


def fingerprint(root: Path) -> str:
    """Changes whenever the environment must be brought up to date, and only then."""
    with (root / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    parts = {
        "project": {k: v for k, v in project["project"].items() if "depend" in k or k == "scripts"},
        "build": project["build-system"],
        "constraints": (root / "constraints.txt").read_text(),
        "python": sys.version_info[:2],
        "root": str(root),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def is_ready(environment: Path, root: Path) -> bool:
    try:
        finished_for = stamp(environment).read_text()
    except OSError:
        return False
    return finished_for == fingerprint(root) and works(environment)


def works(environment: Path) -> bool:
    """Whether the environment has a pip that starts, of the Python that runs this."""
    python = environment / "bin" / "python"
    probe = "import pip, sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", probe], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.split() == [str(part) for part in sys.version_info[:2]]


def make_environment(environment: Path) -> None:
    stamp(environment).unlink(missing_ok=True)
    if works(environment):
        say("bringing .venv up to date")
        return
    if environment.exists():
        say(".venv is broken or of another Python: making it anew")
        shutil.rmtree(environment)
    say(f"making .venv with Python {sys.version.split()[0]}")
    done = subprocess.run(
        [sys.executable, "-m", "venv", environment], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(environment, ignore_errors=True)
        raise SetupError(
            f"{done.stdout}{done.stderr}\nthis Python can't make virtual environments; "
            "on Debian and Ubuntu: apt-get install python3-venv"
        )


def install(environment: Path) -> None:
    """Build tools first, then the bundle (where its progress is seen), then Forewarn itself.

    Forewarn is built with the environment's own tools. Its dependencies are not: one that has no wheel
    for this Python brings build tools of its own, which `--no-build-isolation` would keep from it.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    pip(environment, "the build tools", *project["build-system"]["requires"], "editables")
    build_bundle(environment)
    pip(environment, "the dependencies", *requirements(project["project"]))
    pip(environment, "Forewarn", "--no-build-isolation", "--editable", EXTRAS)


def requirements(project: dict[str, Any]) -> list[str]:
    """What the base install and the extras of a developer's environment ask for."""
    extras: dict[str, list[str]] = project["optional-dependencies"]
    wanted = [name for extra in EXTRAS[2:-1].split(",") for name in extras[extra]]
    return [*project["dependencies"], *wanted]


def pinned(constraints: Path) -> set[str]:
    """Names in a constraints file; none where there is no file."""
    lines = constraints.read_text().splitlines() if constraints.exists() else []
    return {line.partition("==")[0] for line in lines if "==" in line}


def remove_dropped(environment: Path, root: Path) -> None:
    """Uninstall what an earlier setup brought and Forewarn needs no more; a developer's own tools stay."""
    before = environment / ".forewarn-constraints"
    dropped = sorted(pinned(before) - pinned(root / "constraints.txt"))
    if dropped:
        say(f"removing {', '.join(dropped)}")
        python = str(environment / "bin" / "python")
        command = [python, "-m", "pip", "uninstall", "--yes", "--quiet", *dropped]
        subprocess.run(command, check=False, capture_output=True)
    shutil.copyfile(root / "constraints.txt", before)


def build_bundle(environment: Path) -> None:
    done = subprocess.run([environment / "bin" / "python", "hatch_build.py"], cwd=ROOT, check=False)
    if done.returncode != 0:
        raise SetupError("the web bundle could not be built; the lines above say why")


def pip(environment: Path, what: str, *arguments: str) -> None:
    """Install; one line of progress that is rewritten on a terminal. Raises SetupError with pip's words."""
    command = [str(environment / "bin" / "python"), "-m", "pip", "install", "--no-input"]
    command += ["--disable-pip-version-check", "--constraint", "constraints.txt", *arguments]
    say(f"installing {what} …")
    last_lines: deque[str] = deque(maxlen=30)
    collected = 0
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last_lines.append(line)
            if line.startswith("Collecting "):
                collected += 1
                progress(f"{collected} packages found: {line.split()[1]}")
            elif line.startswith("Installing collected packages"):
                progress(f"unpacking {line.count(',') + 1} packages")
    progress("")
    if process.returncode != 0:
        raise SetupError(f"pip could not install {what}:\n{''.join(last_lines)}")


def progress(text: str) -> None:
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
