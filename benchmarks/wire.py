"""Decode speed of telemetry packs, beside the bare codecs on the same bytes.

Prints JSON: samples per second and the ratio to each bare codec, per form and pack size.

    python benchmarks/wire.py [--out benchmarks/results/wire.json]
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cbor2
import msgspec

from device_agent.wire import Pack, decode_pack, encode_pack

DEVICE = "bench-1"
START_S = 1_790_000_000.0
SIZES = (10, 100, 1000)
ROUNDS = 7


class Bare(msgspec.Struct):
    """All labels that the packs use: what a hand-written typed decode would declare."""

    n: str
    v: float
    t: float = 0.0
    u: str = ""
    bn: str = ""
    bt: float = 0.0
    boot: str = ""
    seq: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    out = parser.parse_args().out
    text = json.dumps(report(), indent=2)
    print(text)
    if out:
        out.write_text(text + "\n")


def report() -> dict:
    typed = msgspec.json.Decoder(list[Bare])
    rows = []
    for size in SIZES:
        pack = sample(size)
        as_json = encode_pack(pack, device_id=DEVICE, form="json")
        as_cbor = encode_pack(pack, device_id=DEVICE, form="cbor")
        rates = interleaved(
            size,
            {
                "json decode_pack": lambda p=as_json: decode(p),
                "json msgspec untyped": lambda p=as_json: msgspec.json.decode(p),
                "json msgspec typed": lambda p=as_json: typed.decode(p),
                "cbor decode_pack": lambda p=as_cbor: decode(p),
                "cbor cbor2.loads": lambda p=as_cbor: cbor2.loads(p),
            },
        )
        rows.append(
            {
                "records": size,
                "json_bytes": len(as_json),
                "cbor_bytes": len(as_cbor),
                "samples_per_s": {name: round(rate) for name, rate in rates.items()},
                "ratio": {
                    "json to msgspec untyped": ratio(
                        rates, "json decode_pack", "json msgspec untyped"
                    ),
                    "json to msgspec typed": ratio(rates, "json decode_pack", "json msgspec typed"),
                    "cbor to cbor2": ratio(rates, "cbor decode_pack", "cbor cbor2.loads"),
                },
            }
        )
    return {"machine": machine(), "packs": rows}


def sample(size: int) -> Pack:
    """What our agent sends: some twenty metrics, taken every second, millisecond times."""
    times = [round(START_S + i // 20 + (i % 20) * 0.001, 3) for i in range(size)]
    return Pack(
        boot="k3J9x2a",
        seq=41,
        names=[f"cpu/core{i % 20}/temperature" for i in range(size)],
        times_s=times,
        values=[round(40 + i * 0.37 % 25, 2) for i in range(size)],
        units=["Cel"] * size,
    )


def decode(payload: bytes) -> Pack:
    return decode_pack(payload, device_id=DEVICE, received_s=START_S)


def interleaved(size: int, acts: dict) -> dict:
    """Processor time, best of several rounds; the contenders take turns, so a busy moment hits all."""
    best = dict.fromkeys(acts, float("inf"))
    repeats = max(1, 20_000 // size)
    for _ in range(ROUNDS):
        for name, act in acts.items():
            start = time.process_time()
            for _ in range(repeats):
                act()
            best[name] = min(best[name], (time.process_time() - start) / repeats)
    return {name: size / seconds for name, seconds in best.items()}


def ratio(rates: dict, ours: str, bare: str) -> float:
    return round(rates[ours] / rates[bare], 3)


def machine() -> dict:
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "msgspec": msgspec.__version__,
        "load_1min": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
