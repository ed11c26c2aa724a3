"""Shared by the tests of the server's features: a database with all tables, a clock that stands still."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from server.account import service as accounts
from server.account.dependencies import SESSION_COOKIE
from server.account.limiter import SignInLimiter
from server.account.viewer import Role, Viewer
from server.kit.clock import ManualClock
from server.kit.database import Base, Database
from server.kit.errors import ForewarnError
from server.kit.problems import from_forewarn
from server.kit.settings import Settings
from server.kit.web import WebContext
from server.migrations.models import import_all
from tests.postgresql import QUICK, PostgresServer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def clock(now: datetime) -> ManualClock:
    return ManualClock(now)


@pytest.fixture(scope="session")
def postgres(needs: Callable[[str], Path]) -> Iterator[PostgresServer]:
    """One server for all tests of a worker, started when the first asks for it."""
    server = PostgresServer(needs("postgresql").parent, *QUICK)
    try:
        yield server.start()
    finally:
        server.stop()


RECORDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))
_numbers = itertools.count()


@pytest.fixture(params=RECORDS)
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables, on each kind that records may lie on."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite3'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create(f"empty{next(_numbers)}")


@pytest.fixture(params=RECORDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Empty records with all tables, on each kind that records may lie on."""
    if request.param == "sqlite":
        import_all()
        database = Database.at(tmp_path / "records.sqlite3")
        Base.metadata.create_all(database.engine)
        yield database
        database.close()
    else:
        shared: Database = request.getfixturevalue("_on_postgres")
        yield shared
        shared.engine.dispose()


@pytest.fixture(scope="session")
def _tables_on_postgres(postgres: PostgresServer) -> Iterator[Database]:
    import_all()
    database = Database(postgres.create("records"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def _on_postgres(_tables_on_postgres: Database) -> Database:
    """Emptied, which is quicker than made anew; ids begin at 1 again."""
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with _tables_on_postgres.transaction() as session:
        session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    return _tables_on_postgres


@pytest.fixture(scope="module")
def scratch() -> Iterator[Database]:
    """Records in memory for property tests: `with scratch.reading() as session` keeps nothing."""
    import_all()
    database = Database("sqlite://")
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


class WebClient:
    """Calls an app in this process, one request at a time; `cookies` and `headers` go with each."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app),
                base_url="http://testserver",
                cookies=self.cookies,
                headers=self.headers,
            ) as client:
                return await client.request(method, url, **options)

        return anyio.run(send)

    def sign_in(self, session_token: str) -> None:
        self.cookies[SESSION_COOKIE] = session_token

    def use_token(self, api_token: str) -> None:
        self.headers["Authorization"] = f"Bearer {api_token}"


@pytest.fixture
def web_client(database: Database, clock: ManualClock) -> Callable[..., WebClient]:
    """`web_client(router, …)`: a client of an app with just these routers and the test's records."""

    def build(*routers: APIRouter) -> WebClient:
        app = FastAPI()
        app.state.web = WebContext(database, clock, Settings(), lambda: None)
        app.state.sign_in_limiter = SignInLimiter()

        @app.exception_handler(ForewarnError)
        def problem(_request: Any, error: ForewarnError) -> Any:
            return from_forewarn(error)

        for router in routers:
            app.include_router(router)
        return WebClient(app)

    return build


@pytest.fixture
def person(database: Database, now: datetime) -> Callable[..., tuple[Viewer, str]]:
    """`person(Role.STAFF)`: a new user of that role and an API token of his."""

    def add(role: Role, email: str | None = None) -> tuple[Viewer, str]:
        with database.transaction() as session:
            user = accounts.add_user(
                session,
                email=email or f"{role}@example.com",
                name=role.title(),
                role=role,
                password=None,
                now=now,
            )
            _, token = accounts.create_api_token(session, user.id, label="test", now=now)
            return user.as_viewer(), token

    return add
