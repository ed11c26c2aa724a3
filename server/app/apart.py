"""Heavy computing in a process of its own, which ends with the work and steals no time from the server."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Result = TypeVar("Result")

_NICE = 10


class WorkFailed(Exception):
    """What the process died of, or the error that it could not send."""


async def run_apart(work: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
    """`work(*arguments, **options)`, with what it raises; killed when the caller is cancelled.

    Everything must be picklable. Raises WorkFailed where the process ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_answer, args=(theirs, partial(work, *arguments, **options)), daemon=True
    )
    await asyncio.to_thread(process.start)
    theirs.close()
    try:
        ok, result = await asyncio.to_thread(_wait, ours, process)
    finally:
        process.kill()
        ours.close()
    if not ok:
        raise result
    return result  # type: ignore[no-any-return]


def _wait(answers: Connection, process: Any) -> tuple[bool, Any]:
    try:
        return answers.recv()  # type: ignore[no-any-return]
    except (EOFError, OSError):
        process.join(5.0)
        return False, WorkFailed(f"the process ended with code {process.exitcode}")


def _answer(answers: Connection, work: Callable[[], Any]) -> None:
    os.nice(_NICE)
    try:
        result: tuple[bool, Any] = (True, work())
    except Exception as error:  # noqa: BLE001 - it is raised where the answer is read
        result = (False, error)
    answers.send(result)
    answers.close()
