"""The golden bytes of docs/link-protocol.md as C: what the Python end is held to, the firmware is held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

TYPES = """\
#include <stdint.h>
typedef struct { const char *name; const uint8_t *data; unsigned size; } bytes;
typedef struct { const char *name; const char *type; uint8_t seq; bytes raw, wire; } golden_frame;
typedef struct { const char *name; bytes wire; const char *why; } golden_bad;
typedef struct { bytes data; uint16_t crc; } golden_crc;
typedef struct { bytes plain, coded; } golden_cobs;
typedef struct { const char *from, *name; bytes wire; } golden_said;
typedef struct { uint8_t metric; uint32_t time; int has_value; int32_t value; } golden_record;
typedef struct { const char *name; uint32_t clock; const golden_record *records; unsigned count; bytes body; } golden_samples;
typedef struct { uint8_t seq, flags, reset; uint32_t clock; const char *model, *firmware; bytes wire; } golden_hello;
typedef struct { uint8_t seq, id, kind; int16_t scale_m; int8_t scale_e; uint32_t period_ms; int32_t low, high;
                 const char *unit, *name; bytes wire; } golden_metric;
typedef struct { uint8_t seq, number, kind; uint32_t clock; int32_t value; const char *text; bytes wire; } golden_event;
typedef struct { uint8_t seq, number, status; int32_t value; const char *text; bytes wire; } golden_result;
typedef struct { uint8_t seq, token; uint32_t clock; uint16_t dropped, bad; bytes wire; } golden_pong;
typedef struct { uint8_t seq, metric; uint32_t clock, step_us; const int16_t *values; unsigned count; bytes wire; } golden_run;
"""

FIELDS = {
    "HELLO": ("flags", "reset", "clock", "model", "firmware"),
    "METRIC": ("id", "kind", "scale_m", "scale_e", "period_ms", "low", "high", "unit", "name"),
    "EVENT": ("number", "kind", "clock", "value", "text"),
    "RESULT": ("number", "status", "value", "text"),
    "PONG": ("token", "clock", "dropped", "bad"),
}


def load(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text("utf-8"))


def constant(value: object) -> str:
    """A C expression; INT32_MIN has no literal of its own type."""
    if isinstance(value, str):
        return json.dumps(value)
    assert isinstance(value, int)
    return "INT32_MIN" if value == -(2**31) else f"{value}" + ("u" if value >= 2**31 else "")


def data(name: str, coded: str) -> str:
    raw = bytes.fromhex(coded)
    listed = ",".join(map(str, raw)) or "0"
    return f"{{{json.dumps(name)}, (const uint8_t[]){{{listed}}}, {len(raw)}}}"


def table(kind: str, name: str, rows: list[str]) -> str:
    joined = ",\n  ".join(rows)
    return f"static const {kind} {name}[] = {{\n  {joined}\n}};\n"


def header() -> str:
    frames = load("frames.json")["frames"]
    out = [TYPES]
    for kind, fields in FIELDS.items():
        rows = [
            f"{{{frame['seq']}, "
            + "".join(f"{constant(frame['fields'][field])}, " for field in fields)
            + data(frame["name"], frame["wire"])
            + "}"
            for frame in frames
            if frame["type"] == kind
        ]
        out.append(table(f"golden_{kind.lower()}", f"{kind}S", rows))
    out.append(
        table("golden_run", "RUNS", [run(f) for f in frames if f["type"] == "RUN" and fits(f)])
    )
    out.append(table("golden_frame", "FRAMES", [
        f"{{{json.dumps(f['name'])}, {json.dumps(f['type'])}, {f['seq']}, {data(f['name'], f['raw'])}, {data(f['name'], f['wire'])}}}"
        for f in frames
    ]))  # fmt: skip
    out.append(table("golden_bad", "BAD", [
        f"{{{json.dumps(b['name'])}, {data(b['name'], b['wire'])}, {json.dumps(b['why'])}}}"
        for b in load("bad.json")
    ]))  # fmt: skip
    out.append(table("golden_crc", "CRC", [
        f"{{{data('crc', row['data'])}, {row['crc']}}}" for row in load("crc.json")
    ]))  # fmt: skip
    out.append(table("golden_cobs", "COBS", [
        f"{{{data('plain', row['plain'])}, {data('coded', row['coded'])}}}" for row in load("cobs.json")
    ]))  # fmt: skip
    out.append(table("golden_said", "CONVERSATION", [
        f"{{{json.dumps(s['from'])}, {json.dumps(s['name'])}, {data(s['name'], s['wire'])}}}"
        for s in load("conversation.json")
    ]))  # fmt: skip
    out.append(
        table("golden_samples", "SAMPLE_BODIES", [samples(row) for row in load("samples.json")])
    )
    return "\n".join(out)


def fits(frame: dict[str, Any]) -> bool:
    """The library takes waveforms as converters give them: 16 bits."""
    return all(-(2**15) <= value < 2**15 for value in frame["fields"]["values"])


def run(frame: dict[str, Any]) -> str:
    f = frame["fields"]
    values = ",".join(map(str, f["values"]))
    return (
        f"{{{frame['seq']}, {f['metric']}, {f['clock']}, {f['step_us']}, (const int16_t[]){{{values}}}, "
        f"{len(f['values'])}, {data(frame['name'], frame['wire'])}}}"
    )


def samples(row: dict[str, Any]) -> str:
    records = ", ".join(
        f"{{{metric}, {time % 2**32}u, {int(value is not None)}, {constant(value or 0)}}}"
        for metric, time, value in row["records"]
    )
    return (
        f"{{{json.dumps(row['name'])}, {row['clock']}u, (const golden_record[]){{{records or '{0, 0, 0, 0}'}}}, "
        f"{len(row['records'])}, {data(row['name'], row['body'])}}}"
    )
