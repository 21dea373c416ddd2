"""Two issuers may give one subject to two people: rules must not take one for the other."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.issuers import LocalIssuer, clerk_token
from support.serving import Running, running
from syncline import App
from syncline.auth import Clerk, EmailCode, GitHub, OpenIDConnect, Password
from syncline.auth.issuers import issuers

NOTES = """
    from syncline import Document, Id, Index, MutationCtx, QueryCtx, members, mutation, owned_by, public_read, query


    class Note(Document):
        text: str
        owner: str = ""

        by_owner = Index("owner")
        access = owned_by("owner")


    class Article(Document):
        title: str
        author: str = ""

        access = public_read(owner="author")


    class Seat(Document):
        user: str
        team: str

        by_user = Index("user")
        access = owned_by("user")


    class Task(Document):
        title: str
        team: str

        by_team = Index("team")
        access = members("team", via=Seat.by_user, field="team")


    @mutation
    def add(ctx: MutationCtx, text: str) -> Id[Note]:
        return ctx.db.insert(Note(text=text))


    @mutation
    def add_as_subject(ctx: MutationCtx) -> Id[Note]:
        return ctx.db.insert(Note(text="named", owner=ctx.auth.require().subject))


    @query
    def mine(ctx: QueryCtx) -> list[Note]:
        return ctx.db.query(Note).all()


    @query
    def get(ctx: QueryCtx, id: Id[Note]) -> Note | None:
        return ctx.db.get(id)


    @mutation
    def change(ctx: MutationCtx, id: Id[Note]) -> None:
        ctx.db.patch(id, text="changed")


    @mutation
    def publish(ctx: MutationCtx) -> Id[Article]:
        return ctx.db.insert(Article(title="News"))


    @mutation
    def withdraw(ctx: MutationCtx, id: Id[Article]) -> None:
        ctx.db.delete(id)


    @mutation(internal=True)
    def seat(ctx: MutationCtx, user: str) -> None:
        ctx.db.insert(Seat(user=user, team="red"))
        ctx.db.insert(Task(title="Paint", team="red"))


    @mutation
    def upload_url(ctx: MutationCtx) -> str:
        return ctx.storage.upload_url(private=True)


    @query
    def picture(ctx: QueryCtx, file: str) -> str | None:
        return ctx.storage.url(file)


    @query
    def tasks(ctx: QueryCtx) -> list[str]:
        return [task.title for task in ctx.db.query(Task)]
"""


@dataclass
class World:
    server: Running
    first: LocalIssuer
    second: LocalIssuer

    def call(self, kind: str, path: str, issuer: LocalIssuer, **args: Any) -> Any:
        token = clerk_token(issuer.url, time.time(), None, sub="sam", sid=None)
        answer = self.server.http.post(
            f"/api/{kind}",
            json={"path": f"notes:{path}", "args": args, "format": "json"},
            headers={"authorization": f"Bearer {token}"},
        ).json()
        return answer["value"] if answer["status"] == "success" else answer["errorData"]


def application(*urls: str) -> dict[str, str]:
    listed = ", ".join(f"Clerk(domain={url!r})" for url in urls)
    app = f"from syncline import App\nfrom syncline.auth import Clerk\napp = App(auth=[{listed}])\n"
    return {"app": app, "notes": NOTES}


@pytest.fixture
def world(tmp_path: Path) -> Generator[World]:
    with (
        LocalIssuer().running() as first,
        LocalIssuer().running() as second,
        running(tmp_path, application(first.url, second.url)) as server,
    ):
        yield World(server, first, second)


def test_issuers_are_counted_not_ways_to_sign_in() -> None:
    clerk = Clerk(domain="https://one.clerk.accounts.dev")
    connect = OpenIDConnect(issuer="https://id.example.com", audience="a")
    assert len(issuers([Password(), EmailCode(), GitHub()])) == 1
    assert len(issuers([clerk, OpenIDConnect(issuer=clerk.domain, audience="b")])) == 1
    assert len(issuers([clerk, Password()])) == 2
    assert len(issuers([clerk, connect])) == 2
    assert issuers(App().auth) == frozenset()


def test_rows_of_a_subject_at_one_issuer_are_not_those_of_the_same_subject_at_another(world: World) -> None:
    id = world.call("mutation", "add", world.first, text="private")
    [note] = world.call("query", "mine", world.first)
    assert note["owner"] == f"{world.first.url}|sam"
    assert world.call("query", "mine", world.second) == []
    assert world.call("query", "get", world.second, id=id) is None
    assert world.call("mutation", "change", world.second, id=id)["code"] == "not_found"
    assert world.call("mutation", "change", world.first, id=id) is None
    article = world.call("mutation", "publish", world.first)
    assert world.call("mutation", "withdraw", world.second, id=article)["code"] == "forbidden"
    assert world.call("mutation", "withdraw", world.first, id=article) is None


def test_files_of_a_subject_at_one_issuer_are_not_those_of_the_same_subject_at_another(world: World) -> None:
    upload = world.call("mutation", "upload_url", world.first)
    file = world.server.http.post(upload, content=b"private").json()["storageId"]
    assert world.call("query", "picture", world.first, file=file) is not None
    assert world.call("query", "picture", world.second, file=file) is None


def test_memberships_are_of_the_issuers_subject(world: World) -> None:
    answer = world.server.http.post(
        "/api/mutation",
        json={"path": "notes:seat", "args": {"user": f"{world.second.url}|sam"}},
        headers={"authorization": f"Convex {world.server.admin_key}"},
    )
    assert answer.json()["status"] == "success", answer.text
    assert world.call("query", "tasks", world.second) == ["Paint"]
    assert world.call("query", "tasks", world.first) == []


def test_a_function_that_names_the_owner_by_subject_is_told_what_to_write(world: World) -> None:
    refused = world.call("mutation", "add_as_subject", world.first)
    assert refused["code"] == "forbidden"
    assert "named by token_identifier since there are several issuers" in refused["message"]


def test_with_a_second_issuer_rows_that_name_a_subject_alone_are_nobodys(tmp_path: Path) -> None:
    with LocalIssuer().running() as first, LocalIssuer().running() as second:
        with running(tmp_path, application(first.url)) as server:
            world = World(server, first, second)
            world.call("mutation", "add", first, text="private")
            assert [note["owner"] for note in world.call("query", "mine", first)] == ["sam"]
        with running(tmp_path, application(first.url, second.url)) as server:
            world = World(server, first, second)
            assert world.call("query", "mine", first) == world.call("query", "mine", second) == []
        with running(tmp_path, application(first.url)) as server:
            assert [note["owner"] for note in World(server, first, second).call("query", "mine", first)] == [
                "sam"
            ]
