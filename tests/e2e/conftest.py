"""A product to use from outside, one for each file of tests or one for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.product import Product, running


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Shared by a file's tests: name users and devices after the test."""
    with running(Product(tmp_path_factory.mktemp("product") / "data")) as started:
        yield started


@pytest.fixture
def forewarn_up(tmp_path: Path) -> Iterator[Callable[..., Product]]:
    """`forewarn_up(*options, command="up")`: a started product of this test alone."""
    with ExitStack() as stack:
        count = 0

        def start(*options: str, command: str = "up") -> Product:
            nonlocal count
            count += 1
            made = Product(tmp_path / f"data-{count}", *options, command=command)
            return stack.enter_context(running(made))

        yield start
