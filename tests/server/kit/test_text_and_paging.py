"""Text from outside is made harmless; cursors from outside are understood or refused."""

from __future__ import annotations

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit.errors import BadInput
from server.kit.paging import decode_cursor, decode_int_cursor, encode_cursor
from server.kit.text import one_line, paragraph


@given(st.text(), st.integers(1, 50))
def test_one_line_has_no_controls_and_keeps_its_limit(text: str, limit: int) -> None:
    clean = one_line(text, limit=limit)
    assert len(clean) <= limit
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in clean)


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)
    assert paragraph(paragraph(text)) == paragraph(text)


def test_a_paragraph_keeps_its_lines() -> None:
    assert paragraph("a\n\tb\x1b[2J\u202ec") == "a\n\tb[2Jc"


@given(st.text(min_size=1, max_size=60).filter(lambda t: t.isprintable()))
def test_a_cursor_comes_back(key: str) -> None:
    assert decode_cursor(encode_cursor(key)) == key


@given(st.text(max_size=200))
def test_any_text_as_a_cursor_is_understood_or_refused(cursor: str) -> None:
    for decode in (decode_cursor, decode_int_cursor):
        with contextlib.suppress(BadInput):
            decode(cursor)


def test_a_foreign_cursor_is_refused() -> None:
    with pytest.raises(BadInput):
        decode_int_cursor(encode_cursor("-1"))
