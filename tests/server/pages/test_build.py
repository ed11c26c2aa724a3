"""The build step: what is fresh is kept, what is missing is said."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

import pytest

import hatch_build


def a_catalogue(folder: Path) -> Path:
    po = folder / "pl" / "LC_MESSAGES" / "messages.po"
    po.parent.mkdir(parents=True)
    po.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "a"\nmsgstr "ą"\n',
        "utf-8",
    )
    return po


def test_catalogues_are_compiled_when_their_source_is_newer(tmp_path: Path) -> None:
    po = a_catalogue(tmp_path)
    hatch_build.compile_catalogues(tmp_path)
    compiled = po.with_suffix(".mo")
    with compiled.open("rb") as mo:
        assert gettext.GNUTranslations(mo).gettext("a") == "ą"
    kept = compiled.stat().st_mtime_ns
    hatch_build.compile_catalogues(tmp_path)
    assert compiled.stat().st_mtime_ns == kept
    os.utime(po, (2_000_000_000, 2_000_000_000))
    hatch_build.compile_catalogues(tmp_path)
    assert compiled.stat().st_mtime_ns != kept


def a_web(folder: Path) -> tuple[Path, Path]:
    web, manifest = folder / "web", folder / "bundle" / "manifest.json"
    (web / "source").mkdir(parents=True)
    (web / "source" / "main.ts").write_text("")
    (web / "package-lock.json").write_text("{}")
    manifest.parent.mkdir()
    return web, manifest


def test_a_bundle_newer_than_its_sources_is_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    web, manifest = a_web(tmp_path)
    manifest.write_text("{}")
    os.utime(manifest, (2_000_000_000, 2_000_000_000))
    hatch_build.build_bundle(web, manifest)
    assert "up to date" in capfd.readouterr().err


def test_a_failing_build_says_what_to_do(tmp_path: Path) -> None:
    web, manifest = a_web(tmp_path)
    with pytest.raises(hatch_build.WebBuildError, match="FOREWARN_WITHOUT_WEB"):
        hatch_build.build_bundle(web, manifest)


def test_pages_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOREWARN_WITHOUT_WEB", "1")
    hatch_build.build(tmp_path)
    assert "left out" in capfd.readouterr().err


def test_the_lock_file_names_no_place_of_download() -> None:
    lock = (Path(hatch_build.ROOT) / "web" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
