"""Plays answers in the form of InfluxDB 2 to an influxdb-client: no database, a script of answers.

What is known of the real server is in the texts themselves: they are written by hand after InfluxDB's
documentation of its annotated CSV and of its HTTP API. Whether a real server answers so is proven only by
the contract suite with FOREWARN_TEST_INFLUX_URL.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    token: str
    body: str

    @property
    def flux(self) -> str:
        return str(json.loads(self.body)["query"])


@dataclass
class Answer:
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class InfluxPlayer:
    """Answers in the order of `answers`; a request too many gets 500 and is in `requests` all the same."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        player = self

        class Handler(BaseHTTPRequestHandler):
            def _play(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                player.requests.append(
                    Request(
                        self.command,
                        parts.path,
                        {name: values[-1] for name, values in parse_qs(parts.query).items()},
                        self.headers.get("Authorization", ""),
                        self.rfile.read(length).decode(),
                    )
                )
                missing = Answer(500, '{"code":"internal error","message":"nothing to play"}')
                answer = player.answers.pop(0) if player.answers else missing
                content = answer.body.encode()
                self.send_response(answer.status)
                kind = "application/json" if answer.body.startswith("{") else "text/csv"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _play  # noqa: N815

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def play(self, *answers: Answer | str) -> None:
        """Texts are answers with status 200 (204 for an empty one)."""
        for text in answers:
            made = text if isinstance(text, Answer) else Answer(200 if text else 204, text)
            self.answers.append(made)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


_TYPES = {str: "string", float: "double", int: "long"}


def annotated(result: str, rows: list[dict[str, Any]], *, group: tuple[str, ...] = ()) -> str:
    """One table of annotated CSV, with CR LF as InfluxDB sends it; columns named `_time…` are times."""
    if not rows:
        return "\r\n"
    names = list(rows[0])
    kinds = [
        "dateTime:RFC3339" if name in {"_time", "_start", "_stop"} else _TYPES[type(rows[0][name])]
        for name in names
    ]
    lines = [
        ",".join(["#datatype", "string", "long", *kinds]),
        ",".join(["#group", "false", "false", *("true" if n in group else "false" for n in names)]),
        ",".join(["#default", result, "", *("" for _ in names)]),
        ",".join(["", "result", "table", *names]),
    ]
    lines += [",".join(["", "", "0", *(str(row[name]) for name in names)]) for row in rows]
    return "\r\n".join(lines) + "\r\n\r\n"
