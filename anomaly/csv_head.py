"""How a table begins: its encoding, remarks, delimiter and header, from the first bytes and lines alone."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from anomaly.csv_cells import MISSING, is_number
from anomaly.csv_times import is_date
from anomaly.errors import ScoreError

if TYPE_CHECKING:
    from _csv import Reader

SPACES: Final = " "
"""The delimiter of files whose numbers stand between any number of spaces and tabs."""
HEAD_LINES: Final = 20
"""A header or first row may be of several lines, in quotes; of more it is a stray quote."""
_DELIMITERS: Final = ",;\t|"
_PEEKED: Final = 65_536
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_GZIP: Final = b"\x1f\x8b"
_OTHERS: Final = (
    (b"PK\x03\x04", "a spreadsheet or archive"), (b"PAR1", "a Parquet file"), (b"\xd0\xcf\x11\xe0", "a spreadsheet"),
    (b"%PDF", "a PDF"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """What was decided of a table, and the lines from the first row on that were read for it."""

    delimiter: str
    names: list[str]
    sample: list[str]
    """The first row's cells."""
    rows: list[list[str]]
    """This and some rows after it."""
    lines: list[str]
    first_line: int
    """Number of the first row's line."""

    @property
    def commas(self) -> bool:
        """Whether a comma may part whole from broken: where it does not part columns."""
        return self.delimiter != ","


def open_text(path: Path) -> tuple[TextIO, BinaryIO]:
    """The file as text, unpacked where it is gzip; ScoreError where it can't be opened or is no text."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ScoreError(f"{path.name}: {error.strerror or error}") from error
    try:
        packed = raw.peek(2)[:2] == _GZIP
        data = gzip.GzipFile(fileobj=raw) if packed or path.suffix == ".gz" else raw
        try:
            first = data.peek(_PEEKED)[:_PEEKED]
        except (OSError, EOFError, zlib.error) as error:
            raise ScoreError(f"{path.name}: cannot be read: {error}") from error
        _refuse_others(first, path.name)
        text = io.TextIOWrapper(data, encoding=_encoding(first), errors="replace", newline="")
    except BaseException:
        raw.close()
        raise
    return text, raw


def _refuse_others(first: bytes, file: str) -> None:
    what = next((kind for magic, kind in _OTHERS if first.startswith(magic)), None)
    if what is not None:
        raise ScoreError(f"{file}: this is {what}: save it as CSV first")


def _encoding(first: bytes) -> str:
    for bom, name in _BOMS:
        if first.startswith(bom):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def read_head(stream: TextIO, file: str) -> Head:
    """Read the first lines; raises ScoreError naming the file and what is wrong."""
    try:
        lines = list(islice(stream, HEAD_LINES))
    except (OSError, EOFError, zlib.error) as error:
        raise ScoreError(f"{file}: cannot be read: {error}") from error
    if not lines or not lines[0].strip("\0 \t\r\n"):
        raise ScoreError(f"{file}: the file is empty")
    delimiter, skipped = _remarks(lines)
    if not lines[skipped:]:
        lines += islice(stream, HEAD_LINES)
    lines = lines[skipped:] or [""]
    try:
        delimiter = delimiter or _delimiter(lines)
        first, length = _record(lines, delimiter)
        second, _ = _record(lines[length:], delimiter)
    except csv.Error as error:
        raise ScoreError(f"{file}: the header cannot be read: {error}") from error
    if not any(first):
        raise ScoreError(f"{file}: the header is empty")
    first[0] = first[0].removeprefix("#").strip()
    has_header = _is_header(first, second, commas=delimiter != ",")
    if has_header and len(second) == len(first) + 1 and second[-1]:
        first.insert(0, "")  # the row's name or time stands before, without one of its own
    if has_header and not any(second):
        raise ScoreError(f"{file}: there is a header but no rows")
    names = unique(first) if has_header else [f"column{i + 1}" for i in range(len(first))]
    start = length if has_header else 0
    rows = _rows(lines[start:], delimiter)
    sample = second if has_header else first
    return Head(delimiter, names, sample, rows, lines[start:], skipped + start + 1)


def _remarks(lines: list[str]) -> tuple[str | None, int]:
    """A delimiter that the file names itself, and how many lines stand before the header.

    Remarks begin with `#`; one of as many cells as the row of numbers under it is the header.
    """
    told = lines[0].strip().removeprefix("\ufeff")
    if told.lower().startswith("sep=") and len(told) == len("sep=;"):
        return told[-1], 1
    skipped = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if 0 < skipped < len(lines):
        delimiter = _delimiter(lines[skipped:])
        row, _ = _record(lines[skipped:], delimiter)
        header, _ = _record(lines[skipped - 1 : skipped], delimiter)
        if len(row) == len(header) > 1 and not _is_header(row, row, commas=delimiter != ","):
            return None, skipped - 1
    return None, skipped if skipped < len(lines) else 0


def _delimiter(lines: list[str]) -> str:
    """The mark that cuts the header and the row under it into as many cells, most of all."""
    fit = {}
    for mark in _DELIMITERS:
        cells = [len(row) for row in _rows(lines[:3], mark)[:2]]
        if len(cells) == 2 and cells[0] == cells[1] > 1:
            fit[mark] = cells[0]
    if fit:
        return max(fit, key=lambda mark: fit[mark])
    delimiter = max(_DELIMITERS, key=lines[0].count)
    return SPACES if lines[0].count(delimiter) == 0 and _is_spaced(lines) else delimiter


def _is_header(first: list[str], second: list[str], *, commas: bool) -> bool:
    """Whether the first row names columns, rather than being a row of readings itself."""
    held = [cell for cell in first if cell.lower() not in MISSING]
    if all(is_number(cell, commas=commas) for cell in held):
        return not held
    dates = [i for i, cell in enumerate(first) if is_date(cell)]
    return not any(i < len(second) and is_date(second[i]) for i in dates) if dates else True


def _is_spaced(lines: list[str]) -> bool:
    """Whether numbers stand between spaces or tabs, under as many words: the plain text of many tools."""
    second = lines[1].split() if len(lines) > 1 else []
    words = lines[0].split()
    return len(words) == len(second) > 1 and all(map(is_number, second))


def cells_of(lines: Iterable[str], delimiter: str) -> Reader:
    """Rows of cells; NUL bytes are passed over."""
    if delimiter == SPACES:
        return csv.reader(
            ("\t".join(line.replace("\0", "").split()) for line in lines), delimiter="\t"
        )
    return csv.reader((line.replace("\0", "") for line in lines), delimiter=delimiter)


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    """Cells of the first lines as far as they can be read."""
    rows: list[list[str]] = []
    try:
        rows.extend([cell.strip() for cell in row] for row in cells_of(lines, delimiter) if row)
    except csv.Error:
        return rows
    return rows


def _record(lines: list[str], delimiter: str) -> tuple[list[str], int]:
    reader = cells_of(lines, delimiter)
    row = next(reader, [])
    if reader.line_num >= HEAD_LINES > 1:
        row = next(cells_of(lines[:1], delimiter), [])
        return [cell.strip() for cell in row], 1
    return [cell.strip() for cell in row], reader.line_num


def unique(names: list[str]) -> list[str]:
    """Names for all columns, each once: `temp`, `temp.2`, `column3`."""
    seen: dict[str, int] = {}
    out = []
    for index, name in enumerate(names):
        plain = name or f"column{index + 1}"
        seen[plain] = seen.get(plain, 0) + 1
        out.append(plain if seen[plain] == 1 else f"{plain}.{seen[plain]}")
    return out


def chained(first: list[str], rest: TextIO) -> Iterator[str]:
    """The lines that were read already, then the others."""
    yield from first
    yield from rest
