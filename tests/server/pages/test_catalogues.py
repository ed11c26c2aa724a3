"""Every text in every language, and no text past gettext."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from server.account import viewer
from server.pages.language import reader

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "server" / "pages"
TEMPLATES = sorted(
    path for path in PAGES.rglob("templates/*.html") if "styleguide" not in path.parts
)

sys.path.insert(0, str(ROOT / "scripts"))
import translations  # noqa: E402


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_catalogue_is_complete(language: str) -> None:
    assert translations.complaints(language) == []


@pytest.mark.parametrize("language", ["pl", "ru"])
def test_plural_forms_are_the_languages_own(language: str) -> None:
    catalogue = translations.load(language)
    assert catalogue.num_plurals == 3
    plurals = [m for m in catalogue if m.id and m.pluralizable]
    assert plurals
    for message in plurals:
        assert len(set(message.string)) >= 2, message.id


def test_languages_of_catalogues_pages_and_accounts_agree() -> None:
    assert set(translations.LANGUAGES) == set(viewer.LANGUAGES) == set(reader.LANGUAGES)


def bare_texts(source: str) -> list[str]:
    """Words that a reader would see although no `_()` stands around them: a heuristic."""
    without = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", source, flags=re.DOTALL)
    without = re.sub(r"<(script|style)\b.*?</\1>", " ", without, flags=re.DOTALL)
    attributes = re.findall(r'(?:title|aria-label|placeholder|alt)="([^"]*)"', without)
    texts = [*re.sub(r"<[^>]*>", "\n", without).splitlines(), *attributes]
    return [t.strip() for t in texts if re.search(r"[^\W\d_]{2,}", t) and t.strip() != "Forewarn"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: p.relative_to(PAGES).as_posix())
def test_no_text_outside_gettext(template: Path) -> None:
    found = [t for t in bare_texts(template.read_text("utf-8")) if t != "· Forewarn"]
    assert found == []


def test_the_heuristic_sees_bare_text() -> None:
    assert bare_texts("<p>Hello there</p>{{ _('fine') }}") == ["Hello there"]
    assert bare_texts('<a title="Tell me">{{ x }}</a>') == ["Tell me"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: p.relative_to(PAGES).as_posix())
def test_no_inline_script_or_style(template: Path) -> None:
    """The content security policy refuses them."""
    source = template.read_text("utf-8")
    assert not re.search(r"\sstyle\s*=|\son[a-z]+\s*=|<style|javascript:", source)
    assert not re.search(r"<script(?![^>]*\bsrc=)", source)


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_catalogue_can_be_read_by_the_build(language: str) -> None:
    with translations.path_of(language).open("rb") as file:
        assert len(read_po(file)) > 100
