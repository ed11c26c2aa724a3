"""Message catalogues of the pages: `update` after texts changed, `compile`, `check`, `todo LANGUAGE`.

python scripts/translations.py update    texts of templates and code → messages.po of each language
python scripts/translations.py check     fails when a text is missing, fuzzy or out of use
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.checkers import checkers
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from field_service import phrases  # noqa: E402
from hatch_build import compile_catalogues  # noqa: E402

PAGES = ROOT / "server" / "pages"
LOCALES = PAGES / "locale"
LANGUAGES = ("en", "pl", "ru")
UNTRANSLATED = ("styleguide",)
"""Folders of pages for developers only."""

KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
JINJA = {"extensions": "jinja2.ext.do", "newstyle_gettext": "true", "trim_blocks": "true"}


def extracted() -> Catalog:
    """Every text that a reader can see, with the places where it stands."""
    catalogue = Catalog(charset="utf-8")
    for method, file in _files():
        place = file.relative_to(ROOT).as_posix()
        found = extract_from_file(
            method, file, keywords=KEYWORDS, options=JINJA, comment_tags=("Translators:",)
        )
        for line, text, comments, _context in found:
            catalogue.add(text, None, [(place, line)], auto_comments=comments)
    for phrase in phrases():
        catalogue.add(phrase, None, [("field_service/visit.py", 1)])
    return catalogue


def _files() -> Iterator[tuple[str, Path]]:
    for file in sorted(PAGES.rglob("*")):
        if any(part in UNTRANSLATED for part in file.relative_to(PAGES).parts):
            continue
        if file.suffix == ".html":
            yield "jinja2.ext:babel_extract", file
        elif file.suffix == ".py":
            yield "python", file


def path_of(language: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / "messages.po"


def load(language: str) -> Catalog:
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def text_of(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    # Without line numbers and dates: a catalogue changes only when a text does.
    write_po(
        buffer, catalogue, width=100, include_lineno=False, omit_header=False, sort_output=True
    )
    kept = [
        line
        for line in buffer.getvalue().splitlines(keepends=True)
        if not line.startswith((b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By'))
    ]
    return b"".join(kept)


def update() -> None:
    texts = extracted()
    for language in LANGUAGES:
        catalogue = load(language)
        catalogue.update(texts, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        catalogue.project, catalogue.fuzzy = "Forewarn", False
        catalogue.header_comment = f"# {catalogue.locale.english_name} texts of Forewarn's pages."
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        path_of(language).write_bytes(text_of(catalogue))
        print(f"{language}: {len(catalogue)} texts, {len(list(missing(catalogue)))} to translate")


def missing(catalogue: Catalog) -> Iterator[Message]:
    """Texts without a translation; in English a text is its own."""
    if catalogue.locale_identifier == "en":
        return
    for message in catalogue:
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        forms = catalogue.num_plurals if message.pluralizable else 1
        if message.id and (len(strings) < forms or not all(strings)):
            yield message


def complaints(language: str) -> list[str]:
    """What is wrong with a catalogue, a line each; none when it is complete."""
    catalogue = load(language)
    wanted = {m.id for m in extracted() if m.id}
    known = {m.id for m in catalogue if m.id}
    found = [f"not in the catalogue: {text!r}" for text in sorted(wanted - known, key=str)]
    found += [f"no longer used: {text!r}" for text in sorted(known - wanted, key=str)]
    found += [f"not translated: {m.id!r}" for m in missing(catalogue)]
    for message in catalogue:
        if message.id and message.fuzzy:
            found.append(f"fuzzy: {message.id!r}")
        for check in checkers:
            try:
                if message.id and language != "en":
                    check(catalogue, message)
            except Exception as error:  # noqa: BLE001 - the checkers raise several kinds
                found.append(f"{message.id!r}: {error}")
    return [f"{language}: {line}" for line in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("do", choices=("update", "compile", "check", "todo"))
    parser.add_argument("language", nargs="?", choices=LANGUAGES, default="pl")
    asked = parser.parse_args()
    if asked.do == "update":
        update()
    elif asked.do == "compile":
        compile_catalogues(LOCALES)
    elif asked.do == "todo":
        for message in missing(load(asked.language)):
            print(message.id)
    else:
        found = [line for language in LANGUAGES for line in complaints(language)]
        print("\n".join(found) or "all catalogues are complete")
        sys.exit(bool(found))


if __name__ == "__main__":
    main()
