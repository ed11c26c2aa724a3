"""VictoriaMetrics over HTTP: the requests this product makes, and what their answers hold.

Written against the documentation of single-node VictoriaMetrics (docs.victoriametrics.com); times of its
API are Unix seconds with milliseconds, times here are Unix milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import urllib3
from urllib3.util import Retry, Timeout

from server.telemetry.errors import StoreUnavailable

_STARTED: Final = re.compile(
    rb"^(?:vm_app|process)_start_time(?:stamp|_seconds) (\S+)$", re.MULTILINE
)
_FLAG: Final = re.compile(r'^-(\S+?)="(.*)"$', re.MULTILINE)
_TOO_MANY_SAMPLES: Final = "maxSamplesPer"


class TooManySamples(StoreUnavailable):
    """One request would read more than the server lets it; ask for less at a time."""


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[Any] = []
    timestamps: list[int] = []
    value: tuple[float, str] | None = None


class _Result(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    data: _Result


class _Labels(msgspec.Struct):
    data: list[dict[str, str]]


class VictoriaHttp:
    """One server; thread-safe. Every method raises StoreUnavailable, with the server's own words."""

    def __init__(self, url: str, *, auth: str | None = None, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=8,
            # Writes are not tried again here: whoever appends knows what to look up first.
            retries=Retry(total=0, redirect=False),
            timeout=Timeout(connect=5.0, read=timeout_s),
            headers=urllib3.make_headers(basic_auth=auth) if auth else {},
        )

    def write(self, lines: Sequence[str], *, precision: str = "ms") -> None:
        """Lines of InfluxDB's line protocol. Accepted is not yet on disk: see `flush_to_disk`."""
        self._ask("POST", f"/write?precision={precision}", body="\n".join(lines).encode())

    def flush_to_memory(self) -> None:
        """What was written is seen by reads."""
        self._ask("GET", "/internal/force_flush")

    def flush_to_disk(self) -> None:
        """What was written is on disk: the one request that promises it is that for a snapshot."""
        made = self._json(self._ask("GET", "/snapshot/create"), dict[str, str])
        if made.get("status") != "ok":
            raise StoreUnavailable(f"VictoriaMetrics made no snapshot: {made.get('msg', made)}")
        self._ask("GET", "/snapshot/delete", fields={"snapshot": made["snapshot"]})

    def run(self) -> str:
        """Changes when the server starts again (not twice within a second: that is how it tells)."""
        found = _STARTED.findall(self._ask("GET", "/metrics"))
        if not found:
            raise StoreUnavailable("VictoriaMetrics does not tell when it started")
        return b" ".join(found).decode()

    def flags(self) -> dict[str, str]:
        """How it was started."""
        return dict(_FLAG.findall(self._ask("GET", "/flags").decode("utf-8", "replace")))

    def instant(self, query: str, time_ms: int) -> list[tuple[dict[str, str], float]]:
        """Value of each series at one moment."""
        found = self._query("/api/v1/query", query, time=_seconds(time_ms))
        return [(row.metric, float(row.value[1])) for row in found if row.value]

    def series_over(
        self, query: str, first_ms: int, last_ms: int, step_ms: int
    ) -> Iterator[tuple[dict[str, str], list[tuple[float, str]]]]:
        """Values of each series every `step_ms`, as (Unix seconds, number as text)."""
        found = self._query(
            "/api/v1/query_range",
            query,
            start=_seconds(first_ms),
            end=_seconds(last_ms),
            step=f"{step_ms}ms",
        )
        return ((row.metric, row.values) for row in found)

    def labels(self, selector: str) -> list[dict[str, str]]:
        """The labels of all series that ever matched."""
        fields = {"match[]": selector, "start": "1"}
        found: _Labels = self._json(self._ask("POST", "/api/v1/series", fields=fields), _Labels)
        return found.data

    def export(
        self, selector: str, from_ms: int, to_ms: int
    ) -> Iterator[tuple[dict[str, str], list[int]]]:
        """Times in [from_ms, to_ms] of every stored sample."""
        fields = {"match[]": selector, "start": _seconds(from_ms), "end": _seconds(to_ms)}
        for line in self._ask("POST", "/api/v1/export", fields=fields).splitlines():
            row = self._json(line, _Series)
            yield row.metric, row.timestamps

    def close(self) -> None:
        self._pool.clear()

    def _query(self, path: str, query: str, **fields: str) -> list[_Series]:
        answer = self._ask("POST", path, fields={"query": query, "nocache": "1", **fields})
        found: _Answer = self._json(answer, _Answer)
        return found.data.result

    def _ask(
        self,
        method: str,
        path: str,
        *,
        fields: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        try:
            if body is not None:
                answer = self._pool.request(method, self._url + path, body=body)
            else:
                answer = self._pool.request(
                    method, self._url + path, fields=fields, **_form(method)
                )
        except urllib3.exceptions.HTTPError as error:
            raise StoreUnavailable(
                f"VictoriaMetrics at {self._url} does not answer: {_reason(error)}"
            ) from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            words = answer.data[:500].decode("utf-8", "replace").strip()
            kind = TooManySamples if _TOO_MANY_SAMPLES in words else StoreUnavailable
            raise kind(f"VictoriaMetrics refused {path}: {answer.status} {words}")
        return bytes(answer.data)

    @staticmethod
    def _json(text: bytes, shape: type[Any]) -> Any:
        try:
            return msgspec.json.decode(text, type=shape)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise StoreUnavailable(f"VictoriaMetrics answered strangely: {error}") from error


def _form(method: str) -> dict[str, Any]:
    return {"encode_multipart": False} if method == "POST" else {}


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error).rpartition(": ")[2]


def _seconds(time_ms: int) -> str:
    """The API reads a bare negative number as "ago"; nothing is older than 1970 there anyway."""
    return f"{max(0, time_ms) / 1000:.3f}"


def quoted(text: str) -> str:
    """A string of PromQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def one_of(texts: Sequence[str]) -> str:
    """A regular expression (RE2) that matches just these, as a string of PromQL."""
    return quoted("|".join(re.escape(text) for text in texts))
