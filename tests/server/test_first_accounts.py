"""A save that gives a running server its first way to sign in: nobody waits while the first signing key is made."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from support.applications import write_application
from support.notes import NOTES, SCHEMA
from support.serving import running
from syncline.functions import load_application

APP = """
    from syncline import App
    from syncline.auth import EmailCode
    app = App(auth=[EmailCode()])
"""
PATIENCE = 30


def test_the_event_loop_answers_while_the_first_key_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answered = threading.Event(), threading.Event()
    made: Future[BaseException | None] = Future()
    make = RSAKey.generate_key

    def slow(*args: Any, **kwargs: Any) -> RSAKey:
        begun.set()
        assert answered.wait(PATIENCE)
        return make(*args, **kwargs)

    with running(tmp_path, {"schema": SCHEMA, "notes": NOTES}) as server:
        monkeypatch.setattr(RSAKey, "generate_key", slow)
        release = load_application(write_application(tmp_path, app=APP), activate=False)
        server.call(lambda: server.deployment.reload(release, made.set_result))
        assert begun.wait(PATIENCE)
        assert server.http.get("/healthz").status_code == 200
        assert server.http.get("/auth/sign-in").status_code == 404  # Not before it is all there.
        answered.set()
        assert made.result(PATIENCE) is None
        assert "Sign in to" in server.http.get("/auth/sign-in", headers={"accept": "text/html"}).text
        assert server.http.get("/auth/.well-known/jwks.json").json()["keys"][0]["alg"] == "RS256"


def test_accounts_that_cannot_be_opened_leave_the_old_code_serving(tmp_path: Path) -> None:
    made: Future[BaseException | None] = Future()
    with running(tmp_path, {"schema": SCHEMA, "notes": NOTES}) as server:
        (server.deployment.settings.data / "identity.db").write_bytes(b"no database at all" * 400)
        release = load_application(write_application(tmp_path, app=APP), activate=False)
        server.call(lambda: server.deployment.reload(release, made.set_result))
        problem = made.result(PATIENCE)
        assert problem is not None and "identity.db" in str(problem)
        assert server.value("query", "notes:count") == 0
        assert server.http.get("/auth/sign-in").status_code == 404
