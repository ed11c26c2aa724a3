"""Puts the pages into an app: routes, files, headers, errors. The app calls `install_pages` once."""

from __future__ import annotations

from fastapi import FastAPI

from server.kit.settings import Settings
from server.pages import live
from server.pages.layout import preferences
from server.pages.layout.errors import install_error_handlers
from server.pages.layout.headers import SecurityHeaders
from server.pages.layout.rendering import Pages
from server.pages.layout.static_files import BundledFiles
from server.pages.owner import routes as owner
from server.pages.sign_in import routes as sign_in
from server.pages.staff import routes as staff
from server.pages.technician import routes as technician


def install_pages(app: FastAPI, settings: Settings) -> None:
    """Needs `app.state.web` and what the features' own dependencies need by the first request."""
    app.state.pages = Pages(development=settings.development)
    app.add_middleware(SecurityHeaders, https=(settings.public_url or "").startswith("https://"))
    install_error_handlers(app)
    app.mount("/static", BundledFiles(), name="static")
    for part in (preferences, live, sign_in, owner, technician, staff):
        app.include_router(part.router)
    if settings.development:
        from server.pages.styleguide import routes as styleguide  # noqa: PLC0415 (not shipped paths)

        app.include_router(styleguide.router)
