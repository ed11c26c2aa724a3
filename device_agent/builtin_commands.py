"""The commands every agent offers; a configuration may allow fewer."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import device_agent
from device_agent.commands import ArgumentError, Fields, Handler
from device_agent.sampler import Sampler, Taken
from device_agent.spool import Spool

_SHOWN_VALUES: Final = 100
_SHORTEST_S: Final = 0.1
_LONGEST_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class AboutAgent:
    """Which run of the agent this is, since when (unix seconds)."""

    boot: str
    started_s: float
    now: Callable[[], float]


def builtin_handlers(
    sampler: Sampler, send: Callable[[Taken], None], spool: Spool, about: AboutAgent
) -> dict[str, Handler]:
    """Give the commands under the names that a configuration may allow."""
    return {
        "read_now": partial(read_now, sampler, send),
        "set_sampling": partial(set_sampling, sampler),
        "diagnostics": partial(diagnostics, sampler, spool, about),
    }


def read_now(sampler: Sampler, send: Callable[[Taken], None], args: Fields) -> Fields:
    """Read every sensor now, send it as telemetry, and answer with the values."""
    _only(args, set())
    taken = sampler.take_all()
    send(taken)
    return {reading.name: reading.value for reading in taken.readings[:_SHOWN_VALUES]}


def set_sampling(sampler: Sampler, args: Fields) -> Fields:
    """Change how often sensors are read, until the agent restarts: ``period_s``, ``source``."""
    _only(args, {"period_s", "source"})
    period_s, source = args.get("period_s"), args.get("source", "")
    if isinstance(period_s, bool) or not isinstance(period_s, int | float):
        raise ArgumentError("period_s must be a number")
    if not _SHORTEST_S <= period_s <= _LONGEST_S:
        raise ArgumentError(f"period_s must be {_SHORTEST_S} to {_LONGEST_S}")
    if not isinstance(source, str):
        raise ArgumentError("source must be a text")
    changed = sampler.set_period(source, float(period_s))
    if not changed:
        raise ArgumentError("there is no such source")
    return {"period_s": float(period_s), "sources": " ".join(changed)[:2000]}


def diagnostics(sampler: Sampler, spool: Spool, about: AboutAgent, args: Fields) -> Fields:
    """Say how the agent itself is doing."""
    _only(args, set())
    import psutil  # noqa: PLC0415 - only needed here

    depth, lost = spool.depth(), spool.dropped()
    return {
        "agent_version": device_agent.__version__,
        "boot": about.boot,
        "uptime_s": round(about.now() - about.started_s, 1),
        "rss_bytes": psutil.Process().memory_info().rss,
        "spool_count": depth.count,
        "spool_bytes": depth.size_bytes,
        "spool_oldest_age_s": round(about.now() - depth.oldest_s, 1) if depth.oldest_s else 0.0,
        "spool_dropped": lost.count,
        "stale_sensors": " ".join(sampler.stale_names)[:2000],
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _only(args: Fields, known: set[str]) -> None:
    if args.keys() - known:
        raise ArgumentError(f"takes only: {', '.join(sorted(known)) or 'nothing'}")
