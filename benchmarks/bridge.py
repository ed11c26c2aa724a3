"""Decode speed of the bridge's protocols on one core, and how long a byte takes to become a reading.

Prints JSON. Speed is by processor time, the middle of several rounds, fed in chunks of a serial driver's size:
samples per second, how many saturated lines of 921,600 baud one core reads, and the share of a core that one saturated
line of 115,200 baud takes. `full_line_of_115200_baud` is the same with everything around it: driver, port, events, a
chip that is talked to, at the pace of the line. Latency is by the clock on the wall, through a real pseudo-terminal and the driver's thread,
from the write of a frame's bytes to its reading in the consumer's hands.

    python benchmarks/bridge.py [--out benchmarks/results/bridge.json]
"""

import argparse
import contextlib
import json
import os
import platform
import random
import statistics
import sys
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from firmware_bridge import Driver, HostLink, PortOpened, Protocol, Readings, build
from firmware_bridge.framing import cobs
from firmware_bridge.framing.crc import nmea_sum
from firmware_bridge.link.bodies import NO_LIMIT, Metric
from firmware_bridge.link.mcu import Firmware, SimulatedMcu
from firmware_bridge.link.wire import FrameWriter, Type
from firmware_bridge.transport.serial_port import PortSettings, SerialPort

ROUNDS = 9
CHUNK_BYTES = 512
STREAM_BYTES = 400_000
LATENCY_FRAMES = 1000
FULL_LINE_S = 10.0
FULL_LINE_BYTES_PER_S = 11_520
TARGET_LINES = 20
FULL_FRAMES = ("link, four metrics each 10 ms", "link, waveform of 8-bit steps")
METRICS = tuple(Metric(n, 0, 1, -2, 10, NO_LIMIT, NO_LIMIT, "Cel", f"metric_{n}") for n in range(4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    out = parser.parse_args().out
    text = json.dumps(report(), indent=2)
    print(text)
    if out:
        out.write_text(text + "\n")


def report() -> dict:
    streams: dict[str, tuple[Callable[[], Protocol], bytes]] = {
        "link, four metrics each 10 ms": (greeted, link_samples(per_frame=None)),
        "link, frames of four samples only": (greeted, link_samples(per_frame=4)),
        "link, waveform of 8-bit steps": (greeted, link_runs()),
        **{name: ((lambda n=name: build(n)), text(line)) for name, line in LINES.items()},
    }
    streams["regex"] = (
        lambda: build("regex", {"pattern": r"T(?P<temp>\S+) H(?P<hum>\S+)"}),
        text(lambda n: f"T{20 + n % 100 / 10} H{n % 90}"),
    )
    rows = {name: speed(make, stream) for name, (make, stream) in streams.items()}
    # A sender fills its frames on a busy line; small ones are what an idle line carries.
    worst = min(rows[name]["lines_of_921600_baud"] for name in FULL_FRAMES)
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "cobs in C": cobs.encode is not cobs.encode_plain,
            "load_1min": round(os.getloadavg()[0], 2),
        },
        "decode": rows,
        "full_line_of_115200_baud": full_line(),
        "latency": latency(),
        "target": {
            "lines_of_921600_baud_per_core": TARGET_LINES,
            "link_with_full_frames_at_least": worst,
            "met": worst >= TARGET_LINES,
        },
    }


LINES: dict[str, Callable[[int], str]] = {
    "json": lambda n: f'{{"temp": {20 + n % 100 / 10}, "hum": {n % 90}}}',
    "key_value": lambda n: f"temp={20 + n % 100 / 10} hum={n % 90}",
    "csv": lambda n: "temp,hum" if n == 0 else f"{20 + n % 100 / 10},{n % 90}",
    "println": lambda n: f"{20 + n % 100 / 10}",
    "nmea": lambda n: nmea(
        f"GPGGA,123519,48{n % 60:02d}.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"
    ),
}


def nmea(body: str) -> str:
    return f"${body}*{nmea_sum(body.encode()):02X}"


def text(line: Callable[[int], str]) -> bytes:
    made, n = bytearray(), 0
    while len(made) < STREAM_BYTES:
        made += line(n).encode() + b"\r\n"
        n += 1
    return bytes(made)


def greeted() -> HostLink:
    """A host that has met the chip and has its table; the frames' numbers go on from any value."""
    host, mcu = HostLink(), SimulatedMcu(Firmware(METRICS))
    mcu.tick(0)
    host.receive(mcu.take(), 0.0)
    mcu.receive(host.take_outgoing(0.0), 0)
    host.receive(mcu.take(), 0.0)
    return host


def link_samples(per_frame: int | None) -> bytes:
    mcu = SimulatedMcu(Firmware(METRICS))
    mcu.receive(FrameWriter().frame(Type.WELCOME, b"\1\1"), 0)
    mcu.take()
    rng = random.Random(1)
    raws = [2000 + 100 * n for n in range(4)]
    made, ms = bytearray(), 0
    while len(made) < STREAM_BYTES:
        ms += 10
        for metric in range(4):
            raws[metric] += rng.randint(-20, 20)
            mcu.sample(metric, ms, raws[metric])
        if per_frame:
            mcu.flush(ms)
        made += mcu.take()
    return bytes(made)


def link_runs() -> bytes:
    writer, rng = FrameWriter(), random.Random(2)
    made, clock = bytearray(), 0
    while len(made) < STREAM_BYTES:
        head = bytes((1, 1)) + clock.to_bytes(4, "little") + (100).to_bytes(4, "little")
        steps = bytes(rng.randrange(256) for _ in range(106))
        made += writer.frame(Type.RUN, head + (500).to_bytes(4, "little") + steps)
        clock += 11
    return bytes(made)


def speed(make: Callable[[], Protocol], stream: bytes) -> dict:
    chunks = [stream[at : at + CHUNK_BYTES] for at in range(0, len(stream), CHUNK_BYTES)]
    rates, samples = [], 0
    for _ in range(ROUNDS):
        protocol = make()
        samples, at_s = 0, 0.0
        began = time.process_time()
        for chunk in chunks:
            for event in protocol.receive(chunk, at_s):
                if isinstance(event, Readings):
                    samples += len(event)
            at_s += 0.005
        rates.append(len(stream) / (time.process_time() - began))
        assert protocol.tally.bad == protocol.tally.unknown == 0
    rate = statistics.median(rates)
    return {
        "samples_per_s": round(samples * rate / len(stream)),
        "bytes_per_sample": round(len(stream) / samples, 2),
        "megabytes_per_s": round(rate / 1e6, 2),
        "lines_of_921600_baud": round(rate / 92_160, 1),
        "core_share_at_115200_baud": round(11_520 / rate, 5),
    }


def full_line() -> dict:
    """Our link over a pseudo-terminal at the pace of a saturated line; the chip's own work is taken off."""
    master, slave = os.openpty()
    tty.setraw(master)
    os.set_blocking(master, False)
    port = SerialPort(PortSettings(os.ttyname(slave)))
    os.close(slave)
    arrived = threading.Event()
    driver = Driver(port, HostLink(), notify=arrived.set)
    mcu, rng = SimulatedMcu(Firmware(METRICS)), random.Random(3)
    driver.start()
    wait_for(driver, arrived, PortOpened)
    began, sent, samples, ms = time.perf_counter(), 0, 0, 0
    process_s, chip_s = time.process_time(), time.thread_time()
    while (now_s := time.perf_counter() - began) < FULL_LINE_S:
        with contextlib.suppress(BlockingIOError):
            mcu.receive(os.read(master, 4096), ms)
        while ms < now_s * 1000:
            ms += 1
            for metric in range(4):
                mcu.sample(metric, ms, 2000 + rng.randint(-20, 20))
            mcu.tick(ms)
        out = mcu.take()
        sent += os.write(master, out) if out else 0
        samples += sum(len(e) for e in driver.events() if isinstance(e, Readings))
        time.sleep(0.005)
    took_s = time.process_time() - process_s - (time.thread_time() - chip_s)
    driver.stop()
    os.close(master)
    return {
        "core_share": round(took_s / FULL_LINE_S, 4),
        "bytes_per_s": round(sent / FULL_LINE_S),
        "of_the_line": round(sent / FULL_LINE_S / FULL_LINE_BYTES_PER_S, 2),
        "samples_per_s": round(samples / FULL_LINE_S),
    }


def latency() -> dict:
    """Over a pseudo-terminal: no wire, so what a real one adds (87 µs per byte at 115,200 baud) comes on top."""
    master, slave = os.openpty()
    tty.setraw(master)
    arrived = threading.Event()
    port = SerialPort(PortSettings(os.ttyname(slave)))
    os.close(slave)
    driver = Driver(port, build("key_value"), notify=arrived.set)
    driver.start()
    wait_for(driver, arrived, PortOpened)
    taken = []
    for n in range(LATENCY_FRAMES):
        began = time.perf_counter()
        os.write(master, b"t=%d\n" % n)
        wait_for(driver, arrived, Readings)
        taken.append((time.perf_counter() - began) * 1000)
    driver.stop()
    os.close(master)
    taken.sort()
    return {
        "frames": LATENCY_FRAMES,
        "p50_ms": round(taken[len(taken) // 2], 3),
        "p99_ms": round(taken[len(taken) * 99 // 100], 3),
        "worst_ms": round(taken[-1], 3),
    }


def wait_for(driver: Driver, arrived: threading.Event, kind: type) -> None:
    while True:
        assert arrived.wait(20), "nothing came"
        arrived.clear()
        if any(isinstance(event, kind) for event in driver.events()):
            return


if __name__ == "__main__":
    main()
