"""What the repository's files may and must say: no addresses of registries, links that lead somewhere."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISION_SECTIONS = ("Context", "Decision", "Consequences", "Alternatives")
BINARY = {".png", ".ico", ".woff2", ".webp", ".jpg", ".skops", ".npz", ".gz", ".pdf"}

FORBIDDEN = {
    "an address of a package index": re.compile(
        r"pypi\.org/simple|pythonhosted\.org|registry\.npmjs|npmmirror|deb\.debian\.org"
        r"|--(?:extra-)?index-url|--find-links"
    ),
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|home/\w+|root)/|\.library/"),
    "a token that looks real": re.compile(
        r"gh[po]_\w{30}|AKIA[0-9A-Z]{16}|-----BEGIN .*PRIVATE KEY"
    ),
    "an unfinished merge": re.compile(r"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE),
}

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)
QUOTED_FILE = re.compile(
    r"`((?:anomaly|benchmarks|device_agent|docs|field_service|firmware_bridge|scripts|server|tests|web)"
    r"/[\w./-]*)`"
)


@cache
def files() -> tuple[Path, ...]:
    """Everything that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = (ROOT / name for name in listed.split("\0") if name)
    return tuple(sorted(path for path in found if path.is_file()))


def pages() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_files_hold_no(what: str) -> None:
    found = [
        f"{place(path)}: {match.group()!r}"
        for path in files()
        if path.suffix not in BINARY and path != Path(__file__).resolve()
        for match in FORBIDDEN[what].finditer(path.read_text("utf-8", errors="replace"))
    ]
    assert found == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in pages():
        for match in LINK.finditer(CODE.sub("", page.read_text("utf-8"))):
            target = match.group(1) or match.group(2)
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            aimed = (page.parent / name).resolve() if name else page
            if not aimed.exists():
                broken.append(f"{place(page)}: {target}")
            elif anchor and aimed.suffix == ".md" and anchor not in anchors(aimed):
                broken.append(f"{place(page)}: {target} (no such heading)")
    assert broken == []


def test_pages_name_only_files_that_exist() -> None:
    missing = [
        f"{place(page)}: {name}"
        for page in pages()
        for name in QUOTED_FILE.findall(CODE.sub("", page.read_text("utf-8")))
        if not (ROOT / name).exists()
    ]
    assert missing == []


def test_decisions_have_all_their_parts() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert decisions
    lacking = [
        f"{place(decision)}: {section}"
        for decision in decisions
        for section in DECISION_SECTIONS
        if f"\n## {section}" not in decision.read_text("utf-8")
    ]
    assert lacking == []
    numbers = [decision.name.split("-")[0] for decision in decisions]
    assert len(set(numbers)) == len(numbers), "two decisions share a number"


def test_the_search_sees_the_repository() -> None:
    """Guards the tests above against an empty list."""
    names = {place(path) for path in files()}
    assert {"README.md", "Makefile", "pyproject.toml", "server/kit/errors.py"} <= names
