"""The official client, signed in with tokens as Clerk makes them: confirmed, refreshed, rejected, ended."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from support.issuers import LocalIssuer, clerk_token
from support.node import node_modules
from support.serving import Running, running

__all__ = ["node_modules"]

pytestmark = pytest.mark.node

_PATIENCE = 30.0

OPEN = """
    from syncline import QueryCtx, query

    @query(anonymous=True)
    def whoami(ctx: QueryCtx) -> str | None:
        identity = ctx.auth.identity
        if identity is None:
            return None
        active = identity.claims.get("o", {})
        return f"ada as {active['rol']}" if active.get("id") == "org_of_ada" else identity.subject
"""


class World:
    def __init__(self, server: Running, issuer: LocalIssuer, folder: Path) -> None:
        self.server = server
        self.issuer = issuer
        self._folder = folder

    def token(self, seconds: int = 60, **changes: Any) -> str:
        now = time.time()
        return clerk_token(self.issuer.url, now, sub="ada", exp=int(now) + seconds, **changes)

    def client(self, tokens: list[str]) -> Client:
        return Client(self._folder, self.server.url, tokens)


class Client:
    """The official client in a process of its own."""

    def __init__(self, folder: Path, url: str, tokens: list[str]) -> None:
        #: A client that says nothing any more is ended: then there is nothing to read.
        self._watchdog = threading.Timer(_PATIENCE, lambda: self._process.kill())
        self._watchdog.start()
        self._process = subprocess.Popen(
            ["node", "--no-warnings", "--experimental-websocket", "auth.mjs", url, json.dumps(tokens)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=_PATIENCE)
        self._watchdog.cancel()

    def until(self, **wanted: object) -> list[dict[str, Any]]:
        """What happened until this did."""
        assert self._process.stdout is not None
        seen: list[dict[str, Any]] = []
        for line in self._process.stdout:
            if not line.startswith("{"):
                continue  # the client's own messages
            seen.append(json.loads(line))
            if wanted.items() <= seen[-1].items():
                return seen
        raise AssertionError(f"{wanted} did not happen, but {seen}")


@pytest.fixture(scope="module")
def world(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    with LocalIssuer().running() as issuer:
        app = f"""
            from syncline import App
            from syncline.auth import Clerk

            app = App(auth=[Clerk(domain={issuer.url!r})])
        """
        with running(tmp_path_factory.mktemp("app"), {"app": app, "open": OPEN}) as server:
            yield World(server, issuer, node_modules)


def test_the_client_is_signed_in_once_the_server_has_confirmed_it(world: World) -> None:
    with world.client([world.token(), world.token()]) as client:
        client.until(authenticated=True)
        client.until(value="ada")


def test_a_refresh_in_time_is_not_noticed(world: World) -> None:
    tokens = [world.token(4), world.token(5), world.token(6), world.token(60)]
    with world.client(tokens) as client:
        seen = client.until(fetched=True, left=0)
        assert {"authenticated": False} not in seen
        assert [each["value"] for each in seen if "value" in each][-1] == "ada"
        assert len([each for each in seen if "value" in each]) <= 2


def test_a_token_that_is_not_right_is_replaced_by_one_that_is(world: World) -> None:
    with world.client([world.token(-10), world.token(), world.token()]) as client:
        assert {"fetched": True, "left": 1} in client.until(authenticated=True)
        client.until(value="ada")


def test_a_client_with_wrong_tokens_only_goes_on_as_nobody(world: World) -> None:
    with world.client([world.token(aud=f"other-{number}") for number in range(5)]) as client:
        client.until(authenticated=False)
        client.until(value=None)


def test_a_session_that_ends_is_over_for_the_client_at_once(world: World) -> None:
    with world.client([world.token(sid="sess_over"), world.token(sid="sess_over")]) as client:
        client.until(value="ada")
        revocations = world.server.deployment.verification.revocations
        world.server.call(lambda: revocations.revoke_session(world.issuer.url, "sess_over"))
        client.until(authenticated=False)
        client.until(value=None)


@pytest.mark.parametrize("role", ["editor", None])
def test_another_role_is_taken_up_at_once_and_signs_nobody_out(world: World, role: str | None) -> None:
    after: dict[str, Any] = {"o": {"id": "org_of_ada", "rol": role}} if role else {}
    # A client asks for a second token as soon as the first one is confirmed.
    tokens = [world.token(o={"id": "org_of_ada", "rol": "admin"}) for _ in range(2)]
    tokens += [world.token(**after) for _ in range(2)]
    revocations = world.server.deployment.verification.revocations
    with world.client(tokens) as client:
        client.until(value="ada as admin")
        world.server.call(lambda: revocations.change_role(world.issuer.url, "org_of_ada", "ada", role))
        seen = client.until(value=f"ada as {role}" if role else "ada")
        assert {"authenticated": False} not in seen and {"value": None} not in seen
    world.server.call(lambda: revocations.change_role(world.issuer.url, "org_of_ada", "ada", "admin"))
