"""A wheel built from what git holds, and nothing else, has everything that the programs read at run time."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("anomaly", "device_agent", "field_service", "firmware_bridge", "server")

pytestmark = [pytest.mark.slow, pytest.mark.needs("git")]


def link_or_copy(source: str, target: str) -> None:
    """Thousands of small files: hard links where the file system lets us."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def clean_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed files alone, as a clone would have them."""
    tree = tmp_path_factory.mktemp("clone")
    packed = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(tree, filter="data")
    # The web's build tools are fetched once by `make setup`; what they build is made anew here. A copy,
    # since the build may renew them.
    shutil.copytree(
        ROOT / "web" / "node_modules",
        tree / "web" / "node_modules",
        symlinks=True,
        copy_function=link_or_copy,
    )
    installed = tree / "web" / "node_modules" / ".package-lock.json"
    installed.unlink()
    shutil.copyfile(ROOT / "web" / "node_modules" / ".package-lock.json", installed)
    return tree


@pytest.fixture(scope="module")
def wheel(clean_tree: Path) -> Iterator[zipfile.ZipFile]:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"],
        cwd=clean_tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = (clean_tree / "out").glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_every_file_of_the_packages_is_in_it(wheel: zipfile.ZipFile, clean_tree: Path) -> None:
    kept = [
        path.relative_to(clean_tree).as_posix()
        for package in PACKAGES
        for path in (clean_tree / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".gitignore"
    ]
    assert len(kept) > 50
    assert set(kept) - set(wheel.namelist()) == set()


def test_web_bundle_is_in_it(wheel: zipfile.ZipFile) -> None:
    folder = PurePosixPath("server/pages/static/bundle")
    manifest = json.loads(wheel.read(str(folder / "manifest.json")))
    named = [str(folder / file) for file in manifest.values()]
    assert {"main.js", "style.css"} <= set(manifest)
    assert set(named) - set(wheel.namelist()) == set()
    assert all(wheel.getinfo(name).file_size for name in named)


def test_every_catalogue_is_compiled(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    sources = [name for name in names if name.endswith(".po")]
    assert {PurePosixPath(name).parts[3] for name in sources} >= {"pl", "ru"}
    assert [name for name in sources if name.removesuffix("po") + "mo" not in names] == []


def test_records_can_be_migrated_from_it(wheel: zipfile.ZipFile) -> None:
    assert [n for n in wheel.namelist() if n.startswith("server/migrations/versions/")]


def test_both_programs_are_in_it(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert "forewarn = server.cli:main" in text
    assert "forewarn-agent = device_agent.__main__:main" in text


def test_nothing_else_is_in_it(wheel: zipfile.ZipFile) -> None:
    tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} <= set(PACKAGES)
    licences = [n for n in wheel.namelist() if n.endswith("licenses/LICENSE")]
    assert licences
