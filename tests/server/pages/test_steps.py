"""Long work behind a page: told step by step, its end and its failure too, and given up with its reader."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from server.pages.layout.steps import Tell, told_as_it_goes

DEADLINE_S = 30.0


def words(share: float, doing: str) -> str:
    return f"{doing} {share:.0%}"


def told(work: Callable[[Tell], str]) -> list[dict[str, Any]]:
    async def collect() -> list[dict[str, Any]]:
        steps = told_as_it_goes(work, words)
        return [json.loads(text.removeprefix("data: ")) async for text in steps]

    return asyncio.run(asyncio.wait_for(collect(), DEADLINE_S))


def test_each_step_and_then_the_answer() -> None:
    def work(tell: Tell) -> str:
        tell(0.0, "a")
        tell(0.5, "b")
        return "<p>done</p>"

    assert told(work) == [
        {"share": 0.0, "text": "a 0%"},
        {"share": 0.5, "text": "b 50%"},
        {"share": 1.0, "html": "<p>done</p>"},
    ]


def test_a_failure_is_told_and_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def work(tell: Tell) -> str:
        tell(0.1, "a")
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR):
        assert told(work)[-1] == {"failed": True}
    assert "broken" in caplog.text


def test_work_that_nobody_waits_for_ends_at_its_next_step() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def work(tell: Tell) -> str:
        try:
            tell(0.0, "a")
            assert go_on.wait(DEADLINE_S)
            for _ in range(3):
                tell(0.5, "nobody hears this")
        finally:
            ended.set()
        return "never seen"

    async def leave() -> None:
        steps = told_as_it_goes(work, words)
        await anext(steps)
        await steps.aclose()  # type: ignore[attr-defined]
        go_on.set()

    asyncio.run(leave())
    assert ended.wait(DEADLINE_S)
