"""People who sign up at the pages of a running server."""

from __future__ import annotations

import re
from typing import Any

import httpx

from .houses import PASSWORD
from .serving import Running


class Person:
    """Somebody with a browser and an account."""

    def __init__(self, server: Running, email: str) -> None:
        self.origin = {"origin": server.url}
        self.http = server.http
        self.http.headers["accept"] = "text/html"
        self.email = email

    def submit(self, path: str, page: httpx.Response, **fields: str) -> httpx.Response:
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        return self.http.post(path, data={**hidden, **fields}, headers=self.origin, follow_redirects=True)

    def sign_up(self) -> None:
        page = self.http.get("/auth/sign-up")
        page = self.submit("/auth/sign-up", page, email=self.email, password=PASSWORD)
        code = re.search(r"(\d{6}) is your code", self.http.get("/auth/inbox").text)
        assert code
        self.submit("/auth/verify", page, code=code[1])

    def token(self) -> str:
        answer = self.http.post("/auth/token", json={}, headers=self.origin)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token

    def call(self, token: str) -> Any:
        body: dict[str, Any] = {"path": "people:me", "args": {}, "format": "json"}
        answer = self.http.post("/api/query", json=body, headers={"authorization": f"Bearer {token}"})
        return answer.json().get("value", answer.status_code)
