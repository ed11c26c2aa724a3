"""What the agent takes of a small computer, beside two programs with the same task.

    python benchmarks/agent_footprint.py --duration 600 \
        --thingsboard /path/to/venv/bin/thingsboard-gateway --collectd /path/to/collectd

Twenty numbers are read once a second and published to one Mosquitto: memory (all that is resident, and
what is a program's own), processor time, bytes on the wire (counted by a forwarder in between, both
directions), bytes written to disk (/proc/PID/io). The agent, unpacked from its Debian package, and
collectd read them from files; thingsboard-gateway gets them through its MQTT connector and uploads them,
which it does only once a ThingsBoard has answered two questions: `ThingsBoardSide` in agent_peers.py
gives these answers. `samples_heard` counts the values that arrived, so that nobody is measured idle. All
run at the same time, `import_s` before them. Programs that are not given are left out.
Results go to benchmarks/results/agent_footprint.json.
"""

import argparse
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agent_peers import (
    METRICS,
    RAM,
    ROOT,
    Feeder,
    Forwarder,
    Subject,
    ThingsBoardSide,
    agent,
    collectd,
    thingsboard,
    unpack_agent,
)
from paho.mqtt import client as mqtt

sys.path.insert(0, str(ROOT))
from device_agent.wire import decode_pack

RESULT = ROOT / "benchmarks" / "results" / "agent_footprint.json"
WARM_UP_S = 15
AIMS = {"rss_peak_mb": 30.0, "cpu_share_of_one_core": 0.01, "import_s": 0.3}


def samples_in(topic: str, payload: bytes) -> tuple[str, int]:
    """Whose message it is, and how many values are in it."""
    parts = topic.split("/")
    if parts[0] == "devices":
        if parts[2] != "telemetry":
            return "", 0
        return parts[1], len(decode_pack(payload, device_id=parts[1], received_s=time.time()))
    if topic == "v1/gateway/telemetry":
        packs = (pack for device in json.loads(payload).values() for pack in device)
        return "thingsboard-gateway", sum(len(pack["values"]) for pack in packs)
    return ("collectd", payload.count(b":")) if parts[0] == "collectd" else ("", 0)


def listen(port: int) -> dict[str, int]:
    """How many values of each program reached the broker: that it did its task at all."""
    heard: dict[str, int] = {}

    def note(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        owner, count = samples_in(message.topic, message.payload)
        heard[owner] = heard.get(owner, 0) + count

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="listener")
    client.on_message = note
    client.connect("127.0.0.1", port)
    client.subscribe("#")
    client.loop_start()
    return heard


def measure(
    subjects: list[tuple[str, Subject]], heard: dict[str, int], duration_s: float
) -> dict[str, object]:
    time.sleep(WARM_UP_S)
    before = {s.name: s.read() for _, s in subjects}
    heard_before = dict(heard)
    begun_s = time.monotonic()
    while (lasted_s := time.monotonic() - begun_s) < duration_s:
        time.sleep(min(5.0, duration_s - lasted_s))
        for _, subject in subjects:
            subject.read()
    results: dict[str, object] = {}
    for owner, subject in subjects:
        after = subject.read()
        cpu_s, written, wired = (b - a for a, b in zip(before[subject.name], after, strict=True))
        count = heard.get(owner, 0) - heard_before.get(owner, 0)
        results[subject.name] = {
            "rss_peak_mb": round(subject.peak_bytes / 1e6, 1),
            "own_memory_peak_mb": round(subject.private_bytes / 1e6, 1),
            "cpu_share_of_one_core": round(cpu_s / lasted_s, 4),
            "samples_heard": count,
            "samples_expected": round(METRICS * lasted_s),
            "wire_bytes_per_sample": round(wired / count, 1) if count else None,
            "disk_mb_per_day": round(written / lasted_s * 86_400 / 1e6, 1),
        }
    return results


def import_time(unpacked: tuple[str, Path]) -> dict[str, float]:
    """Seconds that `run` imports for, and that a bare interpreter with paho-mqtt does; medians of 9."""
    wanted = "device_agent.__main__, device_agent.agent, device_agent.sensors.catalogue"
    python, libraries = unpacked

    def once(modules: str) -> float:
        done = subprocess.run(
            [python, "-s", "-X", "importtime", "-c", f"import {modules}"],
            env={**os.environ, "PYTHONPATH": str(libraries)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        own_us = re.findall(r"import time:\s+(\d+) \|", done.stderr)
        return sum(map(int, own_us)) / 1e6

    return {
        name: round(statistics.median(once(modules) for _ in range(9)), 3)
        for name, modules in (("agent", wanted), ("paho", "paho.mqtt.client"))
    }


def tls(folder: Path) -> str:
    """Make a certificate for localhost; gives the lines of the broker's listener."""
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return f"certfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def start_all(
    arguments: argparse.Namespace,
    folder: Path,
    unpacked: tuple[str, Path],
    port: int,
    tls_port: int,
) -> tuple[list[tuple[str, Subject]], dict[str, int]]:
    feeder = Feeder(folder / "feed", port)
    feeder.start()
    heard = listen(port)
    ThingsBoardSide(port)
    at, feed = 'host = "127.0.0.1"\nport = ', feeder.folder
    link, tls_link = Forwarder(port), Forwarder(tls_port)
    over_tls = (
        f'host = "localhost"\nport = {tls_link.port}\ntls = true\nca_file = "{folder}/tls/cert.pem"'
    )
    subjects = [
        ("bench-a", agent("agent", unpacked, folder / "a", feed, f"{at}{link.port}", link)),
        ("bench-s", agent("agent over TLS", unpacked, folder / "s", feed, over_tls, tls_link)),
        ("bench-b", agent("agent without a broker", unpacked, folder / "b", feed, f"{at}1", None)),
    ]
    if arguments.thingsboard:
        owner, between = "thingsboard-gateway", Forwarder(port)
        subjects.append((owner, thingsboard(arguments.thingsboard, folder / "t", port, between)))
    if arguments.collectd:
        between = Forwarder(port)
        subjects.append(("collectd", collectd(arguments.collectd, folder / "c", feed, between)))
    return subjects, heard


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--duration", type=float, default=600.0, metavar="S")
    parser.add_argument("--thingsboard", metavar="PROGRAM")
    parser.add_argument("--collectd", metavar="PROGRAM")
    parser.add_argument("--keep", action="store_true", help="print the programs' last words")
    arguments = parser.parse_args()
    mosquitto = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if mosquitto is None:
        sys.exit("mosquitto is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        unpacked = unpack_agent(folder / "deb")
        imports = import_time(unpacked)
        port, tls_port = free_port(), free_port()
        (folder / "m.conf").write_text(
            f"user root\nallow_anonymous true\nlistener {port} 127.0.0.1\n"
            f"listener {tls_port} 127.0.0.1\n{tls(folder / 'tls')}"
        )
        broker = subprocess.Popen(
            [mosquitto, "-c", str(folder / "m.conf")], stderr=subprocess.DEVNULL
        )
        time.sleep(1)
        subjects: list[tuple[str, Subject]] = []
        try:
            subjects, heard = start_all(arguments, folder, unpacked, port, tls_port)
            programs = measure(subjects, heard, arguments.duration)
        finally:
            for _, subject in subjects:
                subject.popen.terminate()
                subject.popen.wait(20)
                if arguments.keep:
                    print(subject.name, subject.log.read_text(errors="replace")[-3000:])
            broker.terminate()
            for ram in RAM.glob("footprint-*"):
                shutil.rmtree(ram)
    result = {
        "machine": {
            "cpus": os.cpu_count(), "machine": platform.machine(),
            "python": platform.python_version(), "load_1min": round(os.getloadavg()[0], 2),
        },
        "metrics": METRICS, "period_s": 1.0, "duration_s": arguments.duration,
        "aims": AIMS, "import_s": imports, "programs": programs,
    }  # fmt: skip
    text = json.dumps(result, indent=2)
    RESULT.write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
