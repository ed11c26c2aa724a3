"""Writes golden/*.json from the reference implementation. Run it only for a new version of the link; review the diff."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import reference_link as ref

HERE = Path(__file__).parent / "golden"
NONE = -(2**31)

TABLE: list[dict[str, object]] = [
    {"id": 0, "kind": 0, "scale_m": 1, "scale_e": -2, "period_ms": 1000, "low": -1000, "high": 8000, "unit": "Cel", "name": "temperature"},
    {"id": 1, "kind": 0, "scale_m": 1, "scale_e": -3, "period_ms": 100, "low": NONE, "high": 12000, "unit": "m/s2", "name": "vibration_rms"},
    {"id": 2, "kind": 0, "scale_m": 1, "scale_e": -3, "period_ms": 1000, "low": 4500, "high": 5500, "unit": "V", "name": "supply_voltage"},
    {"id": 3, "kind": 2, "scale_m": 1, "scale_e": 0, "period_ms": 0, "low": NONE, "high": NONE, "unit": "", "name": "door_open"},
]  # fmt: skip
TABLE_CRC = ref.crc(b"".join(ref.body("METRIC", metric) for metric in TABLE))
HELLO: dict[str, object] = {
    "version_min": 1, "version_max": 1, "flags": 1, "reset": 1, "metrics": 4, "rx_max": 40, "rx_gap_ms": 5,
    "clock": 12, "table_crc": TABLE_CRC, "model": "uno-demo", "firmware": "1.0.0",
}  # fmt: skip

SAMPLES: list[tuple[str, int, list[ref.Record]]] = [
    ("one value", 1000, [(0, 1000, 21)]),
    ("widths 1, 2 and 4 and their borders", 1000, [
        (0, 1000, 127), (1, 1000, -128), (2, 1000, 128), (3, 1000, -129), (4, 1000, 32767), (5, 1000, -32768),
        (6, 1000, 32768), (7, 1000, -32769), (8, 1000, 2**31 - 1), (9, 1000, -(2**31)), (10, 1000, 0)]),
    ("several metrics over time", 2**31, [
        (0, 2**31, 2345), (1, 2**31, 812), (2, 2**31, 5021), (3, 2**31, 0), (1, 2**31 + 100, 815),
        (1, 2**31 + 200, 790), (1, 2**31 + 300, 1890), (0, 2**31 + 1000, 2346), (2, 2**31 + 1000, 5021)]),
    ("failed sensor keeps the previous value", 5, [(0, 5, 1000), (0, 6, None), (0, 7, 1001)]),
    ("difference wraps", 5, [(0, 5, 2**31 - 1), (0, 5, -(2**31)), (0, 5, 2**31 - 1)]),
    ("first record later than the frame's clock", 100, [(31, 65635, -1)]),
    ("times pass the wrap of the clock", 2**32 - 50, [(1, 2**32 - 50, 1), (1, 2**32 + 50, 2)]),
    ("full frame", 0, [(n % 4, n, n % 4) for n in range(29)]),
    ("empty", 77, []),
]  # fmt: skip


def frame(
    name: str, kind: str, seq: int, fields: dict[str, object], content: bytes
) -> dict[str, object]:
    return {
        "name": name, "type": kind, "seq": seq, "fields": fields, "body": content.hex(),
        "raw": ref.raw_frame(kind, seq, content).hex(), "wire": ref.wire_frame(kind, seq, content).hex(),
    }  # fmt: skip


def plain(name: str, kind: str, seq: int, fields: dict[str, object]) -> dict[str, object]:
    return frame(name, kind, seq, fields, ref.body(kind, fields))


def frames() -> list[dict[str, object]]:
    out = [
        plain("hello after power-on", "HELLO", 0, HELLO),
        plain("hello of a one-way MCU, texts empty", "HELLO", 255, HELLO | {"flags": 3, "reset": 4, "model": "", "firmware": "", "clock": 2**32 - 1}),
        *[plain(f"metric {m['name']}", "METRIC", i + 1, m) for i, m in enumerate(TABLE)],
        plain("metric longest", "METRIC", 9, {"id": 31, "kind": 1, "scale_m": -32768, "scale_e": 9, "period_ms": 2**32 - 1, "low": NONE + 1, "high": 2**31 - 1, "unit": "u" * 12, "name": "n" * 32}),
        plain("event assert", "EVENT", 20, {"number": 0, "kind": 3, "clock": 33, "value": 217, "text": "adc.c"}),
        plain("event brown-out", "EVENT", 21, {"number": 1, "kind": 1, "clock": 65536, "value": 4310, "text": ""}),
        plain("event log, longest", "EVENT", 22, {"number": 255, "kind": 7, "clock": 2**32 - 1, "value": 0, "text": "x" * 24}),
        plain("result ack", "RESULT", 30, {"number": 7, "status": 0, "value": 1, "text": ""}),
        plain("result busy", "RESULT", 31, {"number": 8, "status": 3, "value": 200, "text": ""}),
        plain("result failed", "RESULT", 32, {"number": 9, "status": 4, "value": -5, "text": "coil open"}),
        plain("pong", "PONG", 40, {"token": 17, "clock": 123456, "dropped": 3, "bad": 65535}),
        plain("who", "WHO", 0, {}),
        plain("welcome", "WELCOME", 1, {"version": 1, "flags": 0}),
        plain("welcome, table known", "WELCOME", 1, {"version": 1, "flags": 1}),
        plain("describe", "DESCRIBE", 2, {"metric": 3}),
        plain("event ack", "EVENT_ACK", 3, {"number": 255}),
        plain("command relay", "COMMAND", 4, {"number": 7, "name": "relay", "args": [1]}),
        plain("command without arguments", "COMMAND", 5, {"number": 8, "name": "reset", "args": []}),
        plain("command longest", "COMMAND", 6, {"number": 0, "name": "n" * 12, "args": [0, -1, 2**31 - 1, NONE]}),
        plain("ping", "PING", 7, {"token": 17}),
    ]  # fmt: skip
    for name, clock, records in SAMPLES:
        out.append(
            frame(
                f"samples: {name}",
                "SAMPLES",
                50,
                {"clock": clock, "records": records},
                ref.samples(clock, records),
            )
        )
    runs = [
        ("narrow", [100, 110, 90, 90, -37]),
        ("wide", [0, 30000, -2768, 1]),
        ("one value", [70000]),
    ]
    for name, values in [*runs, ("full", [n % 7 for n in range(107)])]:
        fields: dict[str, object] = {"metric": 1, "clock": 4000, "step_us": 625, "values": values}
        out.append(frame(f"run: {name}", "RUN", 60, fields, ref.run(1, 4000, 625, values)))
    return out


def bad() -> list[dict[str, str]]:
    good = ref.wire_frame(
        "PONG", 1, ref.body("PONG", {"token": 1, "clock": 2, "dropped": 0, "bad": 0})
    )
    flipped = bytes([*good[:3], good[3] ^ 0x10, *good[4:]])
    short = ref.cobs(b"\x07\x01\x02") + b"\0"
    long = ref.wire_frame("EVENT", 1, bytes(121))
    cut = ref.wire_frame("SAMPLES", 1, ref.samples(0, [(0, 0, 1000)])[:-1])
    rows = [
        ("one bit wrong", flipped, "crc"), ("first half of a frame", good[:5] + b"\0", "crc"),
        ("code points past the end", b"\x09\x01\x02\0", "cobs"), ("too short", short, "length"),
        ("body of 121 bytes", long, "too long"), ("10,000 bytes without an end", b"\x55" * 10_000 + b"\0", "too long"),
        ("record cut, crc right", cut, "body"), ("text longer than its body", ref.wire_frame("EVENT", 1, bytes([0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 200, 65])), "body"),
        ("unknown type", ref.wire_frame("PING", 1, b"\1").replace(b"", b""), "unknown"),
    ]  # fmt: skip
    unknown = bytes([0x3F, 1, 5])
    rows[-1] = (
        "unknown type",
        ref.cobs(unknown + ref.crc(unknown).to_bytes(2, "big")) + b"\0",
        "unknown",
    )
    return [{"name": name, "wire": wire.hex(), "why": why} for name, wire, why in rows]


def conversation() -> list[dict[str, str]]:
    out: list[dict[str, str]] = []
    seq = {"mcu": 0, "host": 0}

    def say(who: str, kind: str, content: bytes, *, zero: bool = False) -> None:
        wire = b"\0" * zero + ref.wire_frame(kind, seq[who], content)
        seq[who] += 1
        out.append({"from": who, "name": kind, "wire": wire.hex()})

    say("mcu", "HELLO", ref.body("HELLO", HELLO), zero=True)
    say("host", "WELCOME", ref.body("WELCOME", {"version": 1, "flags": 0}))
    for metric in TABLE:
        say("mcu", "METRIC", ref.body("METRIC", metric))
    say(
        "mcu",
        "SAMPLES",
        ref.samples(500, [(0, 500, 2345), (1, 500, 812), (2, 500, 5021), (3, 500, 0)]),
    )
    say(
        "mcu",
        "EVENT",
        ref.body("EVENT", {"number": 0, "kind": 3, "clock": 510, "value": 217, "text": "adc.c"}),
    )
    say("host", "EVENT_ACK", ref.body("EVENT_ACK", {"number": 0}))
    say("host", "PING", ref.body("PING", {"token": 0}))
    say("mcu", "PONG", ref.body("PONG", {"token": 0, "clock": 700, "dropped": 0, "bad": 0}))
    say("host", "COMMAND", ref.body("COMMAND", {"number": 0, "name": "relay", "args": [1]}))
    say("mcu", "RESULT", ref.body("RESULT", {"number": 0, "status": 0, "value": 1, "text": ""}))
    say("host", "DESCRIBE", ref.body("DESCRIBE", {"metric": 2}))
    say("mcu", "METRIC", ref.body("METRIC", TABLE[2]))
    say("host", "WHO", b"")
    say("mcu", "HELLO", ref.body("HELLO", HELLO | {"flags": 0, "clock": 900}))
    return out


def write(name: str, content: object) -> None:
    rows = content["frames"] if isinstance(content, dict) else content
    assert isinstance(rows, list)
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    text = f"[\n{lines}\n]\n"
    if isinstance(content, dict):
        text = '{"version": 1, "frames": ' + text.rstrip() + "}\n"
    (HERE / name).write_text(text, "ascii")


def main() -> None:
    plains = [
        b"",
        b"\0",
        b"\0\0",
        b"\x11\x22\0\x33",
        b"\x11\0\0\0",
        b"\x01",
        bytes(124),
        bytes(range(1, 125)),
        b"a\0" * 62,
    ]
    crcs = [b"", b"123456789", b"\0", b"\xff" * 4, bytes(range(122))]
    write("frames.json", {"frames": frames()})
    write("crc.json", [{"data": d.hex(), "crc": ref.crc(d)} for d in crcs])
    write("cobs.json", [{"plain": p.hex(), "coded": ref.cobs(p).hex()} for p in plains])
    write("bad.json", bad())
    write("conversation.json", conversation())
    write(
        "samples.json",
        [
            {"name": n, "clock": c, "records": r, "body": ref.samples(c, r).hex()}
            for n, c, r in SAMPLES
        ],
    )


if __name__ == "__main__":
    main()
