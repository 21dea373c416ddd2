"""An application with something behind every kind of address, signed in to at an outside issuer and at Syncline's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from support.issuers import LocalIssuer, clerk_token
from support.serving import Running, running

MODULES = {
    "app": """
        import os

        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route
        from syncline import App, context
        from syncline.auth import Clerk, EmailCode, Passkey, Password

        from . import things
        from .seen import seen


        async def answer(request):
            seen.append(request.url.path)
            return PlainTextResponse(str(await context(request).run(things.mine)))


        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        inner = Starlette(routes=[Route("/{path:path}", answer, methods=methods)])
        app = App(
            auth=[Clerk(domain=os.environ["ISSUER"]), Password(memory_kib=8192, passes=1), EmailCode(), Passkey()],
            mounts={"/shop": inner, "/shop/window": inner},
            anonymous_mounts=["/shop/window"],
        )
    """,
    "seen": """
        #: What code of the application has run.
        seen: list[str] = []
    """,
    "things": """
        from syncline import Document, Id, Index, MutationCtx, QueryCtx, StoredFile, mutation, owned_by, query


        class Thing(Document):
            text: str
            owner: str = ""

            by_owner = Index("owner")
            access = owned_by("owner")


        @query(anonymous=True)
        def mine(ctx: QueryCtx) -> list[str]:
            return [thing.text for thing in ctx.db.query(Thing)]


        @query
        def get(ctx: QueryCtx, id: Id[Thing]) -> str | None:
            found = ctx.db.get(id)
            return None if found is None else found.text


        @mutation
        def add(ctx: MutationCtx, text: str) -> Id[Thing]:
            return ctx.db.insert(Thing(text=text))


        @mutation
        def upload_url(ctx: MutationCtx, private: bool) -> str:
            return ctx.storage.upload_url(private=private)


        @query
        def file_url(ctx: QueryCtx, file: Id[StoredFile], expires_in: float | None = None) -> str | None:
            return ctx.storage.url(file, expires_in=expires_in)
    """,
    "web": """
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, Response
        from syncline import ActionCtx, Cors, SyncActionCtx, SyncRequest, route

        from . import things
        from .seen import seen


        @route("/things", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], cors=Cors())
        async def all_things(ctx: ActionCtx, request: Request) -> Response:
            seen.append(request.url.path)
            return PlainTextResponse(str(await ctx.run(things.mine)))


        @route("/things/{id}")
        def one_thing(ctx: SyncActionCtx, request: SyncRequest, id: str) -> Response:
            seen.append(request.url.path)
            return PlainTextResponse(str(ctx.run(things.get, id=id)))


        @route("/open", methods=["GET", "POST"], anonymous=True)
        async def open_to_all(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse(str(await ctx.run(things.mine)))
    """,
}


@cache
def _forger() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "ins_1"})


@dataclass
class Gated:
    """The server, and people at its door."""

    server: Running
    issuer: LocalIssuer
    #: The id of what Ada has.
    thing: str
    #: Where administration is answered: the same place, or another.
    admin_http: httpx.Client

    @property
    def http(self) -> httpx.Client:
        return self.server.http

    def token(self, subject: str, **changes: Any) -> str:
        claims: dict[str, Any] = {"sub": subject, "sid": f"sess_{subject}", **changes}
        return clerk_token(self.issuer.url, time.time(), None, **claims)

    def user(self, subject: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(subject)}"}

    def strangers(self) -> Mapping[str, dict[str, str]]:
        """Headers of those who are nobody, each in another way."""
        forged = clerk_token(self.issuer.url, time.time(), _forger())
        bearers = {
            "garbage": "let me in",
            "garbage like a token": "a.b.c",
            "forged": forged,
            "expired": self.token("ada", exp=int(time.time()) - 10),
            "for another audience": self.token("ada", aud="other"),
            "of another issuer": clerk_token("https://evil.example.com", time.time()),
            "without a subject": self.token("ada", sub=None),
        }
        return {
            "without anything": {},
            "with a password": {"authorization": "Basic YWRhOmFkYQ=="},
            "with a wrong admin key": {"authorization": f"Convex {self.server.admin_key[:-1]}x"},
            "with a session that is none": {
                "cookie": f"syncline_session={'a' * 43}; __Host-syncline_session={'a' * 43}"
            },
            **{name: {"authorization": f"Bearer {token}"} for name, token in bearers.items()},
        }

    def call(self, kind: str, path: str, headers: Mapping[str, str], **args: object) -> Any:
        body = {"path": path, "args": args, "format": "json"}
        answer = self.http.post(f"/api/{kind}", json=body, headers=dict(headers)).json()
        assert answer["status"] == "success", answer
        return answer["value"]

    def seen(self) -> list[str]:
        """What code of the application behind the gate has run."""
        found: list[str] = sys.modules["backend.seen"].seen
        return found


@contextmanager
def gated(folder: Path, *, administration: bool = False) -> Generator[Gated]:
    """`administration`: it has an address of its own."""
    with LocalIssuer().running() as issuer, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISSUER", issuer.url)
        with (
            running(folder, MODULES, administration=administration) as server,
            httpx.Client(base_url=server.admin_url, timeout=30) as admin_http,
        ):
            found = Gated(server, issuer, "", admin_http)
            for subject in ("ada", "eve"):
                id = found.call("mutation", "things:add", found.user(subject), text=f"of {subject}")
                found.thing = found.thing or id
            yield found
