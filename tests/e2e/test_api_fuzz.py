"""Any request that the API's own schema allows, and many that it does not, get an answer below 500."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EXAMPLES = 8


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_nothing_makes_it_fail(product: Product, tmp_path: Path, role: str) -> None:
    email = f"{role}-fuzz@example.org"
    product.add_user(email, role)
    product.add_device(f"fuzzed-by-{role}", owner=email)
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run",
        f"{product.http_url}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {product.token(email)}",
        "--checks", "not_a_server_error",
        "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, failures(done.stdout) + done.stderr[-2000:]
    assert product.healthy()


def failures(output: str) -> str:
    """What it says of each failure, without its advice on the schema."""
    return output.partition("= FAILURES =")[2].partition("= WARNINGS =")[0] or output[-4000:]


def test_numbers_beyond_any_database_are_not_found(product: Product) -> None:
    email = "ids@example.org"
    product.add_user(email, "admin")
    with product.api(product.token(email)) as client:
        for path in ("incidents", "jobs", "tickets"):
            for number in (10**22, -(10**22), 2**31, 2**63):
                answer = client.get(f"/api/v1/{path}/{number}")
                assert 400 <= answer.status_code < 500, f"{path}/{number}: {answer.status_code}"
        answer = client.get("/api/v1/jobs", params={"technician": -(10**22)})
        assert answer.status_code < 500, answer.text
