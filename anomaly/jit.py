"""The one place that knows the compiler: numba when it is installed, plain Python without it.

Importing this module imports numba, so nothing imports it before the first samples arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile lazily and keep the result on disk; NUMBA_DISABLE_JIT=1 leaves it as it is."""
    try:
        return cast("F", numba.njit(cache=True, error_model="numpy")(function))
    except RuntimeError:  # numba finds no directory that it may write its cache to
        return cast("F", numba.njit(error_model="numpy")(function))
