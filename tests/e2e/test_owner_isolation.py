"""What one owner has, another can neither see nor touch: by no route of the API, by no page.

The routes are walked by the product's own OpenAPI and by the links that its pages show to those who may
see them, so a route added later is under test without a change here.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.e2e.product import PASSWORD, Product, all_items, wait_until
from tests.e2e.publisher import Publisher, pack

pytestmark = [pytest.mark.e2e, pytest.mark.broker, pytest.mark.slow]

ANN, BOB, ADMIN = "ann@example.org", "bob@example.org", "admin@example.org"
SECRET = "bobs-cellar"
"""Part of the id of everything that is Bob's, so that it is noticed wherever it shows."""

WITHOUT_SIGN_IN = {("post", "/api/v1/enrol")}
"""A device that has no credentials yet comes with a code instead."""

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def bobs(product: Product) -> dict[str, str]:
    """Bob's device with an open ticket; name of a path parameter → its value."""
    for email, role in ((ANN, "owner"), (BOB, "owner"), (ADMIN, "admin")):
        product.add_user(email, role)
    product.add_device("anns-attic", owner=ANN)
    password = product.add_device(SECRET, owner=BOB, site=SECRET)
    start_s = time.time() - 3600
    with Publisher(product, SECRET, password) as publisher:
        publisher.wait_connected()
        for number in range(40):
            humidity = 50.0 + number % 3 if number < 30 else 150.0
            publisher.publish(pack([("room/humidity", "%RH", start_s + 60 * number, humidity)]))
        publisher.wait_acknowledged()
    with product.api(product.token(BOB)) as bob:
        [ticket] = wait_until(lambda: all_items(bob, "/api/v1/tickets"), "Bob's ticket")
        [incident] = all_items(bob, "/api/v1/incidents")
    return {
        "device_id": SECRET,
        "ticket_id": str(ticket["id"]),
        "incident_id": str(incident["id"]),
        "job_id": "1",
        "command_id": "1",
        "sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
    }


@pytest.fixture(scope="module")
def ann(product: Product, bobs: dict[str, str]) -> Iterator[httpx.Client]:
    with product.api(product.token(ANN)) as client:
        yield client


@pytest.fixture(scope="module")
def operations(product: Product) -> list[tuple[str, str]]:
    with product.api() as client:
        schema = client.get("/api/v1/openapi.json").json()
    return [(m, path) for path, item in schema["paths"].items() for m in METHODS if m in item]


def filled(path: str, bobs: dict[str, str]) -> str:
    names = re.findall(r"{(\w+)}", path)
    unknown = [name for name in names if name not in bobs]
    assert not unknown, f"{path}: say in `bobs` what of Bob's {unknown} is"
    return path.format(**bobs)


def test_no_route_shows_what_is_anothers(
    ann: httpx.Client, bobs: dict[str, str], operations: list[tuple[str, str]]
) -> None:
    reads = [path for method, path in operations if method == "get"]
    assert len(reads) > 5
    for path in reads:
        answer = ann.get(
            filled(path, bobs), params={"metric": "room/humidity", "from": 0, "to": 2e9}
        )
        if "{" in path:
            # 401: a route for devices, which does not take a person's token.
            assert answer.status_code in {401, 403, 404}, (
                f"{path}: {answer.status_code} {answer.text}"
            )
        shown = answer.text.replace(f'"instance":"{answer.request.url.path}"', "")
        assert SECRET not in shown, f"{path} shows what is Bob's: {answer.text}"


def test_no_route_lets_touch_what_is_anothers(
    ann: httpx.Client, bobs: dict[str, str], operations: list[tuple[str, str]]
) -> None:
    bodies: list[dict[str, Any]] = [
        {}, {"text": "mine now", "state": "closed", "device_id": SECRET, "subject": "x", "name": "read_now"},
    ]  # fmt: skip
    writes = [(method, path) for method, path in operations if method != "get" and "{" in path]
    assert writes
    for method, path in writes:
        for body in bodies:
            answer = ann.request(method, filled(path, bobs), json=body)
            assert 400 <= answer.status_code < 500, f"{method} {path}: {answer.status_code}"
            assert SECRET not in answer.text


def test_no_ticket_can_be_opened_for_anothers_device(
    ann: httpx.Client, bobs: dict[str, str]
) -> None:
    answer = ann.post("/api/v1/tickets", json={"device_id": SECRET, "subject": "Mine"})
    assert 400 <= answer.status_code < 500


def test_every_route_asks_who_is_there(
    product: Product, bobs: dict[str, str], operations: list[tuple[str, str]]
) -> None:
    with product.api() as nobody:
        for method, path in operations:
            answer = nobody.request(
                method, filled(path, bobs), json={} if method != "get" else None
            )
            if (method, path) in WITHOUT_SIGN_IN:
                assert 400 <= answer.status_code < 500
                continue
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"


@contextmanager
def signed_in(product: Product, email: str) -> Iterator[httpx.Client]:
    """A browser's session, without a browser."""
    with httpx.Client(
        base_url=product.http_url, follow_redirects=True, trust_env=False, timeout=30
    ) as client:
        page = client.get("/sign-in")
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        answer = client.post("/sign-in", data={**hidden, "email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield client


def linked_pages(client: httpx.Client, start: str = "/", most: int = 60) -> dict[str, str]:
    """Path → text of every page that can be reached by links."""
    found: dict[str, str] = {}
    queue = [start]
    while queue and len(found) < most:
        path = queue.pop(0)
        if path in found:
            continue
        answer = client.get(path)
        found[path] = answer.text
        links = re.findall(r'(?:href|hx-get)="(/[^"#]*)"', answer.text)
        queue += [link.replace("&amp;", "&") for link in links if not link.startswith("/static")]
    return found


def shown(client: httpx.Client, path: str) -> str:
    """The page, less its own address: the menus carry it to come back to it."""
    return client.get(path).text.replace(path.partition("?")[0], "")


def test_no_page_shows_what_is_anothers(product: Product, bobs: dict[str, str]) -> None:
    with signed_in(product, BOB) as bob, signed_in(product, ANN) as ann:
        of_bob = {path: text for path, text in linked_pages(bob).items() if SECRET in text}
        assert len(of_bob) >= 2, "Bob sees his own"
        for path in of_bob:
            assert SECRET not in shown(ann, path), path
        for path, text in linked_pages(ann).items():
            assert SECRET not in text, path


def test_no_page_of_staff_opens_for_an_owner(product: Product, bobs: dict[str, str]) -> None:
    with signed_in(product, ADMIN) as admin, signed_in(product, ANN) as ann:
        of_all = [path for path, text in linked_pages(admin).items() if SECRET in text]
        assert of_all, "an admin sees everything"
        for path in of_all:
            assert SECRET not in shown(ann, path), path
