"""Bytes of a CSV, perhaps gzipped, in whatever encoding and dialect → rows of cells with line numbers."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from server.kit.text import one_line
from server.replay.errors import ReplayError

_GZIP_MAGIC: Final = b"\x1f\x8b"
WHITESPACE: Final = " "
"""The delimiter of tables that are aligned with blanks: any run of them separates."""
_SAMPLE_BYTES: Final = 64 * 1024
_SAMPLE_ROWS: Final = 30
# Comma last: in half of Europe it is also the decimal sign of files that separate by semicolon.
_DELIMITERS: Final = ("\t", ";", "|", ",")
_LONGEST_CELL_CHARS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TextSource:
    """A file and how to read it."""

    file: Path
    encoding: str
    delimiter: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row that is not blank; raises ReplayError with the line."""
        csv.field_size_limit(_LONGEST_CELL_CHARS)
        line = 0
        try:
            with (
                _opened(self.file) as raw,
                io.TextIOWrapper(raw, self.encoding, errors="replace", newline="") as text,
            ):
                for line, cells in _cut(text, self.delimiter):
                    if any(cell.strip() for cell in cells):
                        yield line, cells
        except csv.Error as error:
            raise ReplayError(f"not readable as CSV: {error}", line=line + 1) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ReplayError(f"the compressed file is damaged: {error}", line=line + 1) from error
        except OSError as error:
            raise ReplayError(f"{self.file}: {error.strerror or error}") from error


def inspect(file: Path, *, delimiter: str | None) -> TextSource:
    """Find out how to read `file`; raises ReplayError if it can't be read or holds nothing."""
    try:
        with _opened(file) as raw:
            sample = raw.read(_SAMPLE_BYTES)
    except FileNotFoundError as error:
        raise ReplayError(f"there is no file {file}") from error
    except IsADirectoryError as error:
        raise ReplayError(f"{file} is a directory, not a CSV file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReplayError(f"{file}: the compressed file is damaged: {error}", line=1) from error
    except OSError as error:
        raise ReplayError(f"{file}: {error.strerror or error}") from error
    if not sample.strip(b"\0 \t\r\n"):
        raise ReplayError(f"{file} is empty", line=1)
    encoding = _guess_encoding(sample)
    text = sample.decode(encoding, errors="replace")
    return TextSource(file, encoding, delimiter or _guess_delimiter(text))


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    with file.open("rb") as raw:
        zipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if zipped:
            with gzip.open(raw) as inner:
                yield io.BufferedReader(inner)
        else:
            yield raw


def _cut(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    if delimiter == WHITESPACE:
        for number, text in enumerate(lines, start=1):
            yield number, text.split()
        return
    reader = csv.reader(lines, delimiter=delimiter)
    for cells in reader:
        yield reader.line_num, cells


def _guess_encoding(sample: bytes) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        sample.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character cut by the sample's end is not a reason to doubt.
        if error.start < len(sample) - 4:
            return "cp1252"
    return "utf-8-sig"


def _guess_delimiter(text: str) -> str:
    """The first that splits every sampled row into the same number of cells, at least two."""
    lines = text.splitlines()
    whole = lines[: min(_SAMPLE_ROWS, max(len(lines) - 1, 1))]
    best, most = ",", 1
    for candidate in _DELIMITERS:
        widths = [len(row) for row in _split(whole, candidate) if any(c.strip() for c in row)]
        if widths and min(widths) == max(widths) >= 2:
            return candidate
        if widths and min(widths) > most:
            best, most = candidate, min(widths)
    blanks = {len(line.split()) for line in whole if line.strip()}
    if most == 1 and len(blanks) == 1 and blanks != {1}:
        return WHITESPACE
    return best


def _split(lines: list[str], delimiter: str) -> list[list[str]]:
    try:
        return [cells for _, cells in _cut(lines, delimiter)]
    except csv.Error:
        return []


def shown(cell: str) -> str:
    """A cell as an error message may quote it."""
    return repr(one_line(cell, limit=40))
