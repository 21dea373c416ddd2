"""Imports through the endpoints of a running server."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from support.serving import Running

SECONDS = 30.0


def ask(
    server: Running, method: str, path: str, body: object = None, key: str | None = None
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Convex {key or server.admin_key}"}
    return httpx.request(method, server.url + path, headers=headers, content=content, timeout=SECONDS)


def answer(server: Running, method: str, path: str, body: object = None) -> Any:
    response = ask(server, method, path, body)
    assert response.status_code == 200, response.text
    return response.json()


def query(server: Running, path: str, **args: object) -> Any:
    """The value of a query, in plain JSON."""
    return answer(server, "POST", "/api/query", {"path": path, "args": args, "format": "json"})["value"]


def state_of(server: Running, id: str, *states: str) -> dict[str, Any]:
    """The state of an import, once it is one of `states`."""
    end = time.monotonic() + SECONDS
    state: dict[str, Any] = {}
    while time.monotonic() < end:
        state = query(server, "_system/cli/queryImport", importId=id)["state"]
        if state["state"] in states:
            return state
    raise AssertionError(f"the import did not become {states}: {state}")


def upload(server: Running, content: bytes, mode: str, format: str = "zip", table: str | None = None) -> str:
    """The id of an import of `content`, in two parts."""
    token = answer(server, "POST", "/api/import/start_upload")["uploadToken"]
    half = len(content) // 2
    parts = [
        answer(server, "POST", f"/api/import/upload_part?uploadToken={token}&partNumber={number}", piece)
        for number, piece in enumerate([content[:half], content[half:]], 1)
    ]
    wanted = {"mode": mode, "format": format, "tableName": table}
    body = {"import": wanted, "uploadToken": token, "partTokens": parts}
    return str(answer(server, "POST", "/api/import/finish_upload", body)["importId"])


def perform(server: Running, id: str) -> dict[str, Any]:
    """Confirm an import; returns its last state."""
    state = state_of(server, id, "waiting_for_confirmation", "failed")
    assert state["state"] == "waiting_for_confirmation", state
    answer(server, "POST", "/api/perform_import", {"importId": id})
    return state_of(server, id, "completed", "failed")
