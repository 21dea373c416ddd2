"""Everything that can be reached, called by whoever should not: without a token, with a wrong one, an expired one,
and another user's."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from support.issuers import LocalIssuer, clerk_token
from support.serving import Running, running
from support.sockets import SyncSocket
from syncline.functions import FunctionDefinition, Kind

APP = """
    import os
    from syncline import App
    from syncline.auth import Clerk

    app = App(auth=[Clerk(domain=os.environ["ISSUER"])])
"""
THINGS = """
    from syncline import ActionCtx, Document, Id, Index, MutationCtx, QueryCtx, SyncActionCtx, action, mutation, query

    class Thing(Document):
        owner: str
        text: str
        by_owner = Index("owner")

    @query
    def mine(ctx: QueryCtx) -> list[str]:
        owner = ctx.auth.require().subject
        return [each.text for each in ctx.db.query(Thing).where(owner=owner).all()]

    @query(name="list")
    def everything(ctx: QueryCtx) -> list[str]:
        return [each.text for each in ctx.db.query(Thing).all()]

    @mutation
    def add(ctx: MutationCtx, text: str = "added") -> Id[Thing]:
        return ctx.db.insert(Thing(owner=ctx.auth.require().subject, text=text))

    @action
    async def summary(ctx: ActionCtx) -> int:
        return len(await ctx.run(everything))

    @action
    def summary_in_a_thread(ctx: SyncActionCtx) -> int:
        return len(ctx.run(secret))

    @query(internal=True)
    def secret(ctx: QueryCtx) -> list[str]:
        return [each.text for each in ctx.db.query(Thing).all()]

    @mutation(internal=True)
    def sweep(ctx: MutationCtx) -> None: ...

    @action(internal=True)
    async def export(ctx: ActionCtx) -> None: ...
"""
OPEN = """
    from syncline import (
        ActionCtx, Document, Index, MutationCtx, Page, PaginationOptions, QueryCtx, action, mutation, owned_by, query
    )
    from .things import everything

    class Note(Document):
        owner: str = ""
        by_owner = Index("owner")
        access = owned_by("owner")

    @mutation
    def note(ctx: MutationCtx) -> None:
        ctx.db.insert(Note())

    @query(anonymous=True)
    def notes(ctx: QueryCtx) -> Page[Note]:
        return ctx.db.query(Note).paginate(PaginationOptions(num_items=1, cursor=None))

    @query(anonymous=True)
    def whoami(ctx: QueryCtx) -> str | None:
        return ctx.auth.identity.subject if ctx.auth.identity else None

    @mutation(anonymous=True)
    def ping(ctx: MutationCtx) -> str: return "pong"

    @action(anonymous=True)
    async def work(ctx: ActionCtx) -> int:
        return len(await ctx.run(everything))
"""
#: Functions of Syncline itself for whoever has the id of what they show.
OURS = {"_system/workflows:watch", "_system/progress:watch"}


@dataclass
class World:
    server: Running
    issuer: LocalIssuer

    def token(self, subject: str = "ada", **changes: Any) -> str:
        return clerk_token(self.issuer.url, time.time(), sub=subject, sid=f"sess_{subject}", **changes)

    @property
    def functions(self) -> list[FunctionDefinition]:
        """All of them; those of Syncline that anybody may call are few, and named."""
        found = list(self.server.deployment.engine.release.registry)
        ours = [each.path for each in found if each.path.startswith("_system/") and not each.internal]
        assert set(ours) <= OURS
        return [each for each in found if each.path not in OURS]

    def wrong_tokens(self) -> dict[str, str]:
        forged = clerk_token(self.issuer.url, time.time(), RSAKey.generate_key(2048, {"kid": "ins_1"}))
        return {
            "forged": forged,
            "expired": self.token(exp=int(time.time()) - 10),
            "not for us": self.token(aud="other"),
            "of another issuer": clerk_token("https://evil.example.com", time.time()),
            "no token": "let me in",
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    folder = tmp_path_factory.mktemp("app")
    modules = {"app": APP, "things": THINGS, "open": OPEN}
    with LocalIssuer().running() as issuer, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISSUER", issuer.url)
        with running(folder, modules) as server:
            world = World(server, issuer)
            for subject in ("ada", "eve"):
                answer = call_http(
                    world, "mutation", "things:add", {"text": f"of {subject}"}, world.token(subject)
                )
                assert answer["status"] == "success"
            yield world


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def call_http(world: World, kind: str, path: str, args: Mapping[str, Any], token: str | None) -> Any:
    response = world.server.http.post(
        f"/api/{kind}", json={"path": path, "args": args, "format": "json"}, headers=bearer(token)
    )
    return response.json()


def call_of(path: str) -> dict[str, Any]:
    """The body of a call without arguments."""
    return {"path": path, "args": {}, "format": "json"}


def ways_over_http(
    function: FunctionDefinition,
) -> Generator[Callable[[httpx.Client, dict[str, str]], httpx.Response]]:
    """Every way to call a function over HTTP."""
    path, kind = function.path, function.kind.value.lower()
    body = call_of(path)
    name = path.replace(":", "/")
    yield lambda http, headers: http.post(f"/api/{kind}", json=body, headers=headers)
    yield lambda http, headers: http.post(f"/api/run/{name}", json={}, headers=headers)
    yield lambda http, headers: http.post("/api/function", json=body, headers=headers)
    if function.kind is Kind.QUERY:
        yield lambda http, headers: http.get("/api/query", params={"path": path}, headers=headers)
        yield lambda http, headers: http.post(
            "/api/query_at_ts",
            json=body | {"ts": http.post("/api/query_ts").json()["ts"]},
            headers=headers,
        )
        yield lambda http, headers: http.post("/api/query_batch", json={"queries": [body]}, headers=headers)


def is_refused(answer: Any, function: FunctionDefinition) -> bool:
    """Whether an answer of a function endpoint tells an anonymous caller nothing but to sign in."""
    if answer.get("code") == "BadDeployKey":  # for admins only, whoever the caller is
        return True
    [each] = answer.get("results", [answer])
    if each["status"] != "error":
        return False
    if function.internal:
        return "Could not find" in each["errorMessage"] and "errorData" not in each
    return bool(each["errorData"]["code"] == "unauthenticated")


def test_every_function_over_http_refuses_who_is_not_signed_in(world: World) -> None:
    refused = 0
    for function in world.functions:
        for call in ways_over_http(function):
            answer = call(world.server.http, {}).json()
            if function.anonymous and "code" not in answer:
                [each] = answer.get("results", [answer])
                assert each["status"] == "success", (function, each)
            else:
                assert is_refused(answer, function), (function, answer)
                refused += 1
    assert refused >= 30


def test_every_function_over_http_refuses_wrong_tokens_even_if_it_is_open_to_all(world: World) -> None:
    for name, token in world.wrong_tokens().items():
        for function in world.functions:
            for call in ways_over_http(function):
                response = call(world.server.http, bearer(token))
                assert response.status_code == 401, (name, function, response.text)
                assert response.json()["code"] in ("Unauthenticated", "NoAuthProvider", "TokenExpired")
                assert token not in response.text


def test_every_function_over_http_takes_a_users_token_and_shows_nothing_of_others(world: World) -> None:
    for subject, other in (("ada", "eve"), ("eve", "ada")):
        for function in world.functions:
            for call in ways_over_http(function):
                answer = call(world.server.http, bearer(world.token(subject))).json()
                if function.internal:
                    assert is_refused(answer, function), (function, answer)
                elif function.path == "things:mine" and "code" not in answer:
                    [each] = answer.get("results", [answer])
                    assert f"of {subject}" in each["value"]
                    assert f"of {other}" not in each["value"]


def test_watch_streams_refuse_who_is_not_signed_in(world: World) -> None:
    for function in world.functions:
        if function.kind is not Kind.QUERY:
            continue
        with world.server.http.stream("GET", f"/api/watch/{function.path}") as response:
            first = next(line for line in response.iter_lines() if line)
            if function.anonymous:
                assert first.startswith("id: ")
            else:
                assert first == "event: failure"
        for token in world.wrong_tokens().values():
            assert (
                world.server.http.get(f"/api/watch/{function.path}", headers=bearer(token)).status_code == 401
            )


def test_every_function_over_a_socket_refuses_who_is_not_signed_in(world: World) -> None:
    with SyncSocket(world.server.port) as socket:
        socket.connect()
        for number, function in enumerate(world.functions):
            match function.kind:
                case Kind.QUERY:
                    socket.subscribe(number, function.path)
                case Kind.MUTATION:
                    socket.mutate(number, function.path)
                case Kind.ACTION:
                    socket.act(number, function.path)
        found: dict[int, dict[str, Any]] = {}
        while len(found) < len(world.functions):
            message = socket.receive()
            for each in (message, *message.get("modifications", ())):
                if each["type"] in ("QueryUpdated", "QueryFailed"):
                    found[each["queryId"]] = each
                elif each["type"] in ("MutationResponse", "ActionResponse"):
                    found[each["requestId"]] = each
    for number, function in enumerate(world.functions):
        answer = found[number]
        if function.anonymous:
            assert answer.get("success", answer["type"] == "QueryUpdated"), answer
        elif function.internal:
            assert "Could not find" in json.dumps(answer)
            assert "errorData" not in answer
        else:
            assert answer["errorData"]["code"] == "unauthenticated", answer


def test_a_socket_with_a_wrong_token_is_told_so_and_closed(world: World) -> None:
    for token in world.wrong_tokens().values():
        with SyncSocket(world.server.port) as socket:
            socket.connect()
            socket.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
            message = socket.receive()
            assert (message["type"], message["authUpdateAttempted"]) == ("AuthError", True)
            assert token not in message["error"]
            assert socket.closed_with() == (None, "")


def signed_in(world: World, token: str) -> SyncSocket:
    socket = SyncSocket(world.server.port).connect()
    socket.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
    return socket


def test_a_socket_shows_its_user_and_after_a_change_of_users_the_other(world: World) -> None:
    with signed_in(world, world.token("ada")) as socket:
        socket.subscribe(0, "open:whoami")
        assert socket.value(0) == "ada"
        socket.send(type="Authenticate", baseVersion=1, tokenType="User", value=world.token("eve"))
        assert socket.value(0) == "eve"
        socket.send(type="Authenticate", baseVersion=2, tokenType="None")
        assert socket.value(0) is None


def test_a_refreshed_token_reruns_nothing(world: World) -> None:
    with signed_in(world, world.token("ada")) as socket:
        socket.subscribe(0, "things:mine")
        socket.value(0)
        reruns = world.server.call(lambda: world.server.deployment.live.stats().reruns)
        socket.send(
            type="Authenticate", baseVersion=1, tokenType="User", value=world.token("ada", fva=[9, -1])
        )
        message = socket.receive()
        assert message["endVersion"]["identity"] == 2
        assert message["modifications"] == []
        assert world.server.call(lambda: world.server.deployment.live.stats().reruns) == reruns


def test_a_session_that_ends_ends_its_sockets_and_streams_at_once(world: World) -> None:
    revocations = world.server.deployment.verification.revocations
    token = world.token("bob")
    with (
        signed_in(world, token) as socket,
        world.server.http.stream("GET", "/api/watch/things:mine", headers=bearer(token)) as stream,
    ):
        lines = stream.iter_lines()
        socket.subscribe(0, "things:mine")
        assert socket.value(0) == []
        assert next(line for line in lines if line.startswith("data")) == "data: []"
        world.server.call(lambda: revocations.revoke_session(world.issuer.url, "sess_bob"))
        message = socket.receive()
        assert (message["type"], message["authUpdateAttempted"]) == ("AuthError", False)
        assert socket.closed_with() == (None, "")
        # A stream that goes on would send signs of life for ever.
        assert list(islice(lines, 10))[-2:] == ['data: {"reason":"SessionEnded"}', ""]
    assert call_http(world, "query", "things:mine", {}, token)["code"] == "SessionEnded"
    assert world.server.call(lambda: revocations.watched) == 0


def test_a_live_page_of_owned_rows_follows_who_signs_in(world: World) -> None:
    for _ in range(2):
        call_http(world, "mutation", "open:note", {}, world.token("carl"))
    with SyncSocket(world.server.port).connect() as socket:
        socket.subscribe(0, "open:notes")
        assert socket.value(0)["page"] == []
        for base, (subject, count) in enumerate([("carl", 1), ("dora", 0), ("carl", 1)]):
            message = {"tokenType": "User", "value": world.token(subject), "baseVersion": base}
            socket.send(type="Authenticate", **message)
            page = socket.value(0)
            assert [each["owner"] for each in page["page"]] == [subject] * count
            assert page["isDone"] is (count == 0)


def test_the_admin_key_gets_in_everywhere_and_acts_as_users(world: World) -> None:
    key = world.server.admin_key
    identity = b64encode(json.dumps({"issuer": world.issuer.url, "subject": "ada"}).encode()).decode()
    for function in world.functions:
        if function.module.startswith("syncline"):
            continue
        body = call_of(function.path)
        acting = world.server.http.post(
            "/api/function", json=body, headers={"Authorization": f"Convex {key}:{identity}"}
        ).json()
        assert acting["status"] == "success", (function, acting)
    body = call_of("things:list")
    plain = world.server.http.post("/api/query", json=body, headers={"Authorization": f"Convex {key}"}).json()
    assert plain["status"] == "success"


def test_two_users_of_one_query_never_share_a_result(world: World) -> None:
    for _ in range(3):
        for subject in ("ada", "eve", None, "ada"):
            token = None if subject is None else world.token(subject)
            assert call_http(world, "query", "open:whoami", {}, token)["value"] == subject


def test_a_key_that_the_issuer_rotates_in_is_accepted_at_the_first_token(tmp_path: Path) -> None:
    from support.issuers import public, rsa_key

    with (
        LocalIssuer().running() as issuer,
        running(
            tmp_path,
            {"app": APP.replace('os.environ["ISSUER"]', repr(issuer.url)), "open": OPEN, "things": THINGS},
        ) as server,
    ):
        world = World(server, issuer)
        issuer.keys = public(rsa_key("ins_2"))
        token = clerk_token(issuer.url, time.time(), rsa_key("ins_2"), sub="ada")
        assert call_http(world, "query", "open:whoami", {}, token)["value"] == "ada"
        assert issuer.asked == ["/.well-known/openid-configuration", "/.well-known/jwks.json"]


def test_an_issuer_that_is_down_is_no_ground_to_sign_anybody_out(tmp_path: Path) -> None:
    with (
        LocalIssuer().running() as issuer,
        running(
            tmp_path,
            {"app": APP.replace('os.environ["ISSUER"]', repr(issuer.url)), "open": OPEN, "things": THINGS},
        ) as server,
    ):
        issuer.instead["/.well-known/openid-configuration"] = (500, "text/plain", b"")
        token = clerk_token(issuer.url, time.time())
        response = server.http.post(
            "/api/query", json={"path": "open:whoami", "args": {}}, headers=bearer(token)
        )
        assert (response.status_code, response.json()["code"]) == (503, "AuthProviderUnavailable")
        assert "retry-after" in response.headers
        with SyncSocket(server.port) as socket:
            socket.connect()
            socket.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
            assert socket.closed_with() == (1013, "AuthProviderUnavailable")
