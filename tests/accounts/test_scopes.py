"""`ctx.auth.require_scope`: what a program may do with somebody's API key. Check S44."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from support.applications import write_application
from support.people import Person
from support.serving import Running, running
from syncline import ForbiddenError, UnauthenticatedError
from syncline.client import AccountsClient
from syncline.functions import Release, load_application
from syncline.kernel.identity import Caller
from syncline.testing import Backend

MODULE = """
    from syncline import ActionCtx, MutationCtx, action, mutation

    @mutation(anonymous=True)
    def write(ctx: MutationCtx) -> str:
        return ctx.auth.require_scope("notes:write").subject

    @action
    async def publish(ctx: ActionCtx) -> str:
        return ctx.auth.require_scope("notes:write").subject
"""
APP = """
    from syncline import App
    from syncline.auth import Accounts, EmailCode, Password

    app = App(auth=[Password(memory_kib=8192, passes=1), EmailCode(), Accounts(algorithm="ES256")])
"""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    loaded = load_application(write_application(tmp_path, notes=MODULE))
    yield loaded
    loaded.modules.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(tmp_path_factory.mktemp("app"), {"app": APP, "notes": MODULE}) as server:
        yield server


def test_keys_need_the_scope_and_people_do_not(release: Release) -> None:
    backend = Backend(release)
    write, publish = (
        cast("Any", release.registry.find(path, None, Caller(admin=True)).function)
        for path in ("notes:write", "notes:publish")
    )
    for granted in (["notes:write"], ["notes:read", "notes:write"], "notes:read notes:write", None):
        claims = {} if granted is None else {"scp": granted}
        user = backend.signed_in("ann", claims=claims)
        assert user.mutation(write) == user.action(publish) == "ann"
    others: list[object] = [[], ["notes:read"], "", "notes:writes", {"notes:write": 1}, 7]
    for lacking in others:
        user = backend.signed_in("ann", claims={"scp": lacking})
        with pytest.raises(ForbiddenError, match="an API key of the scope 'notes:write'"):
            user.mutation(write)
    with pytest.raises(UnauthenticatedError):
        backend.mutation(write)
    backend.close()


def test_a_key_may_do_what_its_scopes_say(server: Running) -> None:
    ann = Person(server, "ann@example.com")
    ann.sign_up()

    def write(token: str) -> httpx.Response:
        body: dict[str, object] = {"path": "notes:write", "args": {}, "format": "json"}
        return server.http.post("/api/mutation", json=body, headers={"authorization": f"Bearer {token}"})

    def token(*scopes: str) -> str:
        with AccountsClient(server.url, server.admin_key) as accounts:
            made = accounts.api_keys.create("ann@example.com", "robot", scopes=scopes)
        answer = server.http.post(
            "/auth/token", json={}, headers={"authorization": f"Bearer {made.secret}", "origin": server.url}
        )
        return str(answer.json()["token"])

    assert write(ann.token()).json()["status"] == "success"
    assert write(token("notes:write")).json()["status"] == "success"
    for refused in (token("notes:read"), token()):
        answer = write(refused).json()
        assert answer["status"] == "error" and "the scope 'notes:write'" in answer["errorMessage"]
