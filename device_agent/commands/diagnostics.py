"""The bundle that tells how the agent itself is doing: figures, sensors, the end of the log."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import device_agent
from device_agent import log
from device_agent.commands.offer import Argument, Fields, Offer
from device_agent.sampler import Sampler
from device_agent.spool import Spool

_LINES: Final = 100
_MOST_LINES: Final = 300
_LOG_CHARS: Final = 8000
_SENSOR_CHARS: Final = 4000


@dataclass(frozen=True, slots=True)
class AboutAgent:
    """Which run of the agent this is, since when (unix seconds)."""

    boot: str
    started_s: float
    now: Callable[[], float]


def diagnostics_offer(
    sampler: Sampler, spool: Spool, about: AboutAgent, counts: Mapping[str, int]
) -> Offer:
    """Offer the bundle; ``counts`` says how commands ended since the start."""

    def run(args: Fields) -> Fields:
        lines = args.get("log_lines", _LINES)
        assert isinstance(lines, int)  # checked by its argument
        tail = "\n".join(log.recent(lines)) if lines else ""
        return {
            **_figures(spool, about),
            "stale_sensors": " ".join(sampler.stale_names)[:2000],
            **{f"commands_{status}": count for status, count in sorted(counts.items())},
            "sensors": _sensors(sampler)[:_SENSOR_CHARS],
            # Of a long log the end counts.
            "log": tail[-_LOG_CHARS:],
        }

    return Offer("diagnostics", (Argument("log_lines", "whole", low=0, high=_MOST_LINES),), run)


def _figures(spool: Spool, about: AboutAgent) -> Fields:
    depth, lost = spool.depth(), spool.dropped()
    return {
        "agent_version": device_agent.__version__,
        "boot": about.boot,
        "uptime_s": round(about.now() - about.started_s, 1),
        "rss_bytes": _rss_bytes(),
        "spool_count": depth.count,
        "spool_bytes": depth.size_bytes,
        "spool_oldest_age_s": round(about.now() - depth.oldest_s, 1) if depth.oldest_s else 0.0,
        "spool_dropped": lost.count,
        "machine": os.uname().machine,
        "kernel": os.uname().release,
        "python": sys.version.split()[0],
    }


def _rss_bytes() -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    except (OSError, ValueError, StopIteration):
        return None


def _sensors(sampler: Sampler) -> str:
    rows = []
    for source in sampler.sources:
        for each in source.descriptions:
            latest = sampler.latest(each.name)
            shown = "-" if latest is None else str(latest.value)[:40]
            rows.append(f"{each.name}={shown}{each.unit and ' ' + each.unit}")
    return "\n".join(rows)
