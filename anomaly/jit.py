"""The one place that knows the compiler: numba, compiling on first use and keeping the result.

Importing this module imports numba, so nothing imports it before the first samples arrive.
Numba's own cache looks at the date of a single file; ours is kept under a name made from all the
sources that are compiled together, so a change in any of them compiles anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.extending import intrinsic

from anomaly.lent import fetch, lend

F = TypeVar("F", bound=Callable[..., Any])
_SOURCES = (
    "budget", "checks", "commotion", "counters", "daylong", "event_rate", "events", "excursion", "fetching", "jit", "judge", "judging", "jumps", "kernel", "lent",
    "params", "spending", "spikes", "state", "surprise",
)  # fmt: skip


def _fingerprint() -> str:
    digest = hashlib.blake2s(numba.__version__.encode(), digest_size=8)
    for name in _SOURCES:
        path = Path(__file__).with_name(f"{name}.py")
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def _cache_directory() -> str | None:
    """A directory for compiled code: beside the sources, else the user's cache; None: nowhere."""
    given = os.environ.get("FOREWARN_KERNEL_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    beside = Path(__file__).with_name("__pycache__")
    for root in [Path(given)] if given else [beside, home / "forewarn"]:
        directory = root / f"kernel-{_fingerprint()}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                return str(directory)
        except OSError:
            continue
    return None


_DIRECTORY = _cache_directory()


def jit(function: F) -> F:
    """Compile on first call; NUMBA_DISABLE_JIT=1 leaves the function as it is.

    Other threads run Python meanwhile: what a compiled function is given belongs to its caller alone.
    """
    return _compiled(function, always_inline=False)


def inlined(function: F) -> F:
    """`jit` for what every sample goes through: a call, and storing for it, takes longer than many of these."""
    return _compiled(function, always_inline=True)


def _compiled(function: F, *, always_inline: bool) -> F:
    options: Any = numba.config
    before = options.CACHE_DIR
    options.CACHE_DIR = _DIRECTORY or before
    try:
        decorate = numba.njit(
            cache=_DIRECTORY is not None, error_model="numpy", nogil=True, forceinline=always_inline
        )
        return cast("F", decorate(function))
    finally:
        options.CACHE_DIR = before


def _itself(array: Any) -> Any:
    return array


def _nothing(_row: Any, _column: int) -> None:
    pass


# What `walk` is given is lent to the functions below it (see anomaly/lent.py), and the rows that come
# next are fetched into the cache while this one is worked on; uncompiled there is no such hint.
_PLAIN: bool = vars(numba.config)["DISABLE_JIT"]
borrowed: Any = _itself if _PLAIN else intrinsic(lend)
fetched: Any = _nothing if _PLAIN else intrinsic(fetch)
