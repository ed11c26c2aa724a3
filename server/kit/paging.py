"""Keyset pages for every list: `limit` and an opaque `cursor`, stable while rows are added."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from server.kit.errors import BadInput

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

MAX_ROW_ID = 2**31 - 1
"""PostgreSQL's integer; more would be an error of the database instead of an answer."""

RowId = Annotated[int, Field(ge=1, le=MAX_ROW_ID)]
"""The number of a ticket, job, incident or user, wherever it comes from."""

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="rows a page")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before")
]


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None = None


def encode_cursor(key: str | int) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The key in a cursor; raises BadInput for one we did not make."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise BadInput("cursor", "not one that this server gave out") from error


def decode_int_cursor(cursor: str | None) -> int | None:
    """As `decode_cursor`, for lists in the order of an integer id."""
    key = decode_cursor(cursor)
    if key is None:
        return None
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise BadInput("cursor", "not one that this server gave out")
    return int(key)


def next_cursor(rows: Sequence[object], limit: int, key: str | int | None) -> str | None:
    """Cursor for after `key`, when `rows` (fetched with limit + 1) shows that there is more."""
    return encode_cursor(key) if len(rows) > limit and key is not None else None
