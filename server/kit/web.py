"""What every endpoint is handed: sessions, the time, the settings. The app puts them on `app.state`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.settings import Settings


@dataclass(frozen=True, slots=True)
class WebContext:
    """Lives at `app.state.web`."""

    database: Database
    clock: Clock
    settings: Settings
    after_commit: Callable[[], None]
    """Called when a request's transaction has committed: events may wait in the outbox."""


def context(request: Request) -> WebContext:
    return cast("WebContext", request.app.state.web)


Context = Annotated[WebContext, Depends(context)]


def _writing(web: Context) -> Iterator[Session]:
    with web.database.transaction() as session:
        yield session
    web.after_commit()


def _reading(web: Context) -> Iterator[Session]:
    with web.database.reading() as session:
        yield session


def _now(web: Context) -> datetime:
    return web.clock.now()


def _settings(web: Context) -> Settings:
    return web.settings


# scope="function": committed before the answer is sent, so that whoever reads it finds what it says.
Writing = Annotated[Session, Depends(_writing, scope="function")]
Reading = Annotated[Session, Depends(_reading, scope="function")]
Now = Annotated[datetime, Depends(_now)]
AppSettings = Annotated[Settings, Depends(_settings)]
