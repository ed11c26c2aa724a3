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
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])
_SOURCES = (
    "budget", "checks", "commotion", "counters", "daylong", "event_rate", "events", "jit", "judge", "judging", "jumps", "kernel",
    "params", "spikes", "state", "surprise",
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
    options: Any = numba.config
    before = options.CACHE_DIR
    options.CACHE_DIR = _DIRECTORY or before
    try:
        decorate = numba.njit(cache=_DIRECTORY is not None, error_model="numpy", nogil=True)
        return cast("F", decorate(function))
    finally:
        options.CACHE_DIR = before


def _borrow(_context: Any, array: Any) -> Any:
    """Typing and code of `borrowed`: the same array without an owner."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        for owner in ("meminfo", "parent"):
            nobody: Any = cgutils.get_null_value
            setattr(view, owner, nobody(getattr(view, owner).type))
        return view._getvalue()  # noqa: SLF001 - as in numba's own code for arrays

    return array(array), code


def _itself(array: Any) -> Any:
    return array


# An array whose owner the compiled code doesn't count: each row taken from a counted one costs two
# atomic operations, a fifth of a sample's time. Only for arrays that the caller holds meanwhile.
_PLAIN: bool = vars(numba.config)["DISABLE_JIT"]
borrowed: Any = _itself if _PLAIN else intrinsic(_borrow)
