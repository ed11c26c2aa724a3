"""A browser without scripts: follows forms as people fill them in."""

from __future__ import annotations

from typing import Any

import httpx

from tests.server.pages.site import PASSWORD


class Visitor:
    """Keeps cookies; `post` fills in the token of the page's own form."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, *, token: str | None = None, **fields: Any) -> httpx.Response:
        if token is None:
            token = self.token()
        return self.http.post(path, data={"csrf": token, **fields})

    def token(self) -> str:
        if "csrf" not in self.http.cookies:
            page = self.get("/sign-in", follow_redirects=True)
            assert f'name="csrf" value="{self.http.cookies["csrf"]}"' in page.text
        return self.http.cookies["csrf"]

    def sign_in(self, person: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/sign-in", email=f"{person}@example.com", password=password)

    def close(self) -> None:
        self.http.close()
