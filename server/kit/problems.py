"""Errors of the JSON API as RFC 9457 problem details."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from server.kit.errors import BadInput, ForewarnError, TooManyRequests

MEDIA_TYPE = "application/problem+json"

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "errors": {
                            "type": "array",
                            "description": "which fields are refused, and why",
                            "items": {
                                "type": "object",
                                "properties": {
                                    "field": {"type": "string"},
                                    "reason": {"type": "string"},
                                },
                            },
                        },
                    },
                }
            }
        },
    }
    for status in (401, 403, 404, 409, 422)
}
"""What any operation of the API may answer instead, for its OpenAPI description."""


def problem(
    status: int, title: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any
) -> JSONResponse:
    """One problem document; `extra` members sit beside the standard ones."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
    return JSONResponse(body, status, media_type=MEDIA_TYPE, headers=headers)


def from_forewarn(error: ForewarnError) -> JSONResponse:
    headers: dict[str, str] = {}
    extra: dict[str, Any] = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, BadInput):
        extra["errors"] = [{"field": error.field, "reason": error.reason}]
    return problem(error.status, error.title, error.message, headers=headers or None, **extra)


def from_validation(error: RequestValidationError) -> JSONResponse:
    """A request that does not fit the schema: each field and why, never the value given back."""
    errors = [
        {"field": ".".join(map(str, e["loc"][1:] or e["loc"])), "reason": e["msg"]}
        for e in error.errors()
    ]
    detail = "; ".join(f"{e['field']}: {e['reason']}" for e in errors)
    return problem(422, BadInput.title, detail, errors=errors)


def from_http(error: HTTPException) -> JSONResponse:
    title = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, title, str(error.detail), headers=headers)


def wants_problem(request: Request) -> bool:
    """API paths answer errors in JSON; pages answer them in HTML."""
    return request.url.path.startswith("/api/")
