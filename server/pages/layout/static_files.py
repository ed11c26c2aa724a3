"""The bundle and icons; hashed names may be kept by browsers for ever."""

from __future__ import annotations

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from server.pages.layout.assets import STATIC


class BundledFiles(StaticFiles):
    """`/static`: immutable under `bundle/`, an hour for the rest."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        hashed = path.startswith("bundle/") and not path.endswith("manifest.json")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if hashed else "public, max-age=3600"
        )
        return response
