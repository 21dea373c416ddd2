"""What the application's database has of a merged user: it goes to the other one, and what cannot stays and is named."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.people import Person
from support.restartable import ADMIN_KEY, RestartableServer
from support.serving import Running, running
from support.sockets import SyncSocket
from syncline.client import AccountsClient, AdminKey, SyncClient
from syncline.functions import load_application
from syncline.kernel.identity import Caller
from syncline.testing import Backend

ISSUER = "http://localhost:3210/auth"
APP = """
    from syncline import App
    from syncline.auth import Accounts, Password

    app = App(auth=[Password(memory_kib=8192, passes=1), Accounts(algorithm="ES256")])
"""
TWO_ISSUERS = APP.replace("auth import Accounts,", "auth import Accounts, OpenIDConnect,").replace(
    "Password(", 'OpenIDConnect(issuer="https://id.example.com", audience="a"), Password('
)
NOTES = """
    from syncline import (
        ActionCtx, Aggregate, Document, Id, Index, MutationCtx, QueryCtx, action, members, mutation, owned_by, public_read,
        query,
    )

    class Note(Document):
        user_id: str = ""
        text: str
        more: str = ""

        by_user = Index("user_id", "text")
        per_user = Aggregate(by=("user_id",))
        access = owned_by("user_id")

    class Handle(Document):
        user_id: str = ""
        handle: str

        by_user = Index("user_id", unique=True)
        access = owned_by("user_id")

    class Post(Document):
        author: str = ""
        text: str

        access = public_read("author")

    class Team(Document):
        name: str

    class Membership(Document):
        person: str
        team: Id[Team]
        role: str

        by_person = Index("person", "team")
        access = owned_by("person")

    class Task(Document):
        team: Id[Team]

        by_team = Index("team")
        access = members("team", via=Membership.by_person, field="team")

    class Diary(Document):
        whose: str

    @mutation
    def add(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Note(text=text))

    @mutation(internal=True)
    def fill(ctx: MutationCtx, user: str, count: int, text: str = "") -> None:
        for number in range(count):
            ctx.db.insert(Note(user_id=user, text=f"{number:05}", more=text))

    @mutation
    def call_me(ctx: MutationCtx, handle: str) -> None:
        ctx.db.insert(Handle(handle=handle))

    @mutation
    def post(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Post(text=text))

    @mutation(internal=True)
    def join(ctx: MutationCtx, person: str, team: str, role: str) -> None:
        found = ctx.db.query(Team).filter(lambda each: each.name == team).first()
        id = ctx.db.insert(Team(name=team)) if found is None else found.id
        ctx.db.insert(Membership(person=person, team=id, role=role))
        ctx.db.insert(Task(team=id))

    @mutation(internal=True)
    def write_diary(ctx: MutationCtx, whose: str) -> None:
        ctx.db.insert(Diary(whose=whose))

    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note).take(1000)]

    @query
    def count(ctx: QueryCtx) -> int:
        return len(ctx.db.query(Note).take(20_000))

    @query
    def handles(ctx: QueryCtx) -> list[str]:
        return [each.handle for each in ctx.db.query(Handle)]

    @query
    def authors(ctx: QueryCtx) -> list[str]:
        return [each.author for each in ctx.db.query(Post)]

    @query
    def tasks(ctx: QueryCtx) -> int:
        return ctx.db.query(Task).count()

    @query(internal=True)
    def all_of_it(ctx: QueryCtx) -> list[str]:
        return sorted([
            *(each.user_id for each in ctx.db.query(Note)), *(each.user_id for each in ctx.db.query(Handle)),
            *(f"{each.person} {each.role}" for each in ctx.db.query(Membership)),
            *(each.whose for each in ctx.db.query(Diary)),
        ])

    @query(internal=True)
    def owners(ctx: QueryCtx) -> dict[str, int]:
        found: dict[str, int] = {}
        for note in ctx.db.query(Note).take(10_000):
            found[note.user_id] = found.get(note.user_id, 0) + 1
        return found

    @action
    async def store(ctx: ActionCtx) -> str:
        return await ctx.storage.store(b"a secret", private=True)

    @query
    def file(ctx: QueryCtx, file: str) -> bool:
        return ctx.storage.metadata(file) is not None
"""


World = tuple[Backend, Any]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with application(tmp_path, APP) as built:
        yield built


@contextmanager
def application(folder: Path, app: str) -> Generator[World]:
    """The application, and its module of functions."""
    release = load_application(write_application(folder, app=app, notes=NOTES))
    backend = Backend(release)
    yield backend, release.modules.modules["backend.notes"]
    backend.close()
    release.modules.close()


def move(backend: Backend, source: str, target: str, limit: int = 100) -> dict[str, Any]:
    """One pass: what was moved, and what stayed."""
    place = None
    total: dict[str, Any] = {"moved": 0, "stayed": [], "batches": 0}
    while True:
        found = backend.world.probe(
            Caller(backend=True),
            "_system/merges:move",
            issuer=ISSUER,
            source=source,
            target=target,
            place=place,
            limit=float(limit),
        )
        moved = json.loads(found)
        total["moved"] += moved["moved"]
        total["stayed"] += [(each["table"], each["why"]) for each in moved["stayed"]]
        place = moved["place"]
        if place is None:
            return total
        total["batches"] += 1


def test_rows_files_and_memberships_go_along(world: World) -> None:
    backend, notes = world
    ann, bob, eve = (backend.signed_in(name, issuer=ISSUER) for name in ("ann", "bob", "eve"))
    for number in range(7):
        ann.mutation(notes.add, text=f"a{number}")
    bob.mutation(notes.add, text="b")
    eve.mutation(notes.add, text="e")
    for number in range(30):
        (ann, eve)[number % 2].mutation(notes.post, text="hello")
    backend.mutation(notes.join, person="ann", team="red", role="admin")
    file = ann.action(notes.store)
    assert not bob.query(notes.file, file=file)

    result = move(backend, "ann", "bob", limit=2)
    assert result["moved"] == 7 + 15 + 1 + 1 and result["stayed"] == [] and result["batches"] >= 6
    assert bob.query(notes.texts) == [*(f"a{number}" for number in range(7)), "b"]
    assert ann.query(notes.texts) == [] and eve.query(notes.texts) == ["e"]
    assert sorted(ann.query(notes.authors)) == ["bob"] * 15 + ["eve"] * 15
    assert (bob.query(notes.tasks), ann.query(notes.tasks)) == (1, 0)
    assert bob.query(notes.file, file=file) and not ann.query(notes.file, file=file)
    assert move(backend, "ann", "bob")["moved"] == 0


def test_what_is_there_once_per_user_stays_and_the_rest_goes_on(world: World) -> None:
    backend, notes = world
    ann, bob = (backend.signed_in(name, issuer=ISSUER) for name in ("ann", "bob"))
    for person, handle in ((ann, "ann"), (bob, "bob")):
        person.mutation(notes.call_me, handle=handle)
        person.mutation(notes.add, text=handle)
    for name, team, role in (("ann", "red", "admin"), ("bob", "red", "member"), ("ann", "blue", "member")):
        backend.mutation(notes.join, person=name, team=team, role=role)
    backend.mutation(notes.write_diary, whose="ann")
    result = move(backend, "ann", "bob", limit=1)
    assert result["moved"] == 2
    assert [table for table, _ in result["stayed"]] == ["handles", "memberships"]
    assert "handles.by_user" in result["stayed"][0][1]
    assert result["stayed"][1][1] == "the other user has this membership already"
    # Tables without a rule are the application's own business.
    assert backend.query(notes.all_of_it) == [
        "ann",
        "ann",
        "ann admin",
        "bob",
        "bob",
        "bob",
        "bob member",
        "bob member",
    ]
    assert bob.query(notes.handles) == ["bob"]
    # What stayed does not stand in the way the next time.
    assert move(backend, "ann", "bob", limit=1)["moved"] == 0


def test_with_several_issuers_people_are_named_as_rules_name_them(tmp_path: Path) -> None:
    with application(tmp_path, TWO_ISSUERS) as (backend, notes):
        ann, bob = (backend.signed_in(name, issuer=ISSUER) for name in ("ann", "bob"))
        other = backend.signed_in("ann", issuer="https://id.example.com")
        for person in (ann, bob, other):
            person.mutation(notes.add, text="x")
        backend.mutation(notes.fill, user="ann", count=1)  # From when there was one issuer.
        assert move(backend, "ann", "bob")["moved"] == 2
        assert (ann.query(notes.count), bob.query(notes.count), other.query(notes.count)) == (0, 2, 1)


def test_nobody_but_the_backend_moves_documents(world: World) -> None:
    backend, notes = world
    ann, bob = (backend.signed_in(name, issuer=ISSUER) for name in ("ann", "bob"))
    ann.mutation(notes.add, text="x")
    assert bob.identity is not None
    values = {"issuer": ISSUER, "source": "ann", "target": "bob", "place": None, "limit": 9.0}
    with pytest.raises(Exception, match="Could not find"):
        backend.world.probe(Caller(bob.identity), "_system/merges:move", **values)
    assert bob.query(notes.count) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("app"), {"app": APP, "notes": NOTES}) as server:
        yield server


def test_live_queries_of_the_other_user_see_what_arrives(server: Running) -> None:
    bob = Person(server, "bob@example.com")
    bob.sign_up()
    with AccountsClient(server.url, server.admin_key) as accounts, SyncSocket(server.port) as sync:
        ann = accounts.users.create(email="ann@example.com").id
        target = accounts.users.get("bob@example.com").id
        with SyncClient(server.url, token=AdminKey(server.admin_key)) as client:
            client.mutation("notes:fill", user=ann, count=230)
            client.mutation("notes:fill", user="user_of_nobody", count=5)
        sync.connect()
        sync.send(type="Authenticate", baseVersion=0, tokenType="User", value=bob.token())
        sync.subscribe(0, "notes:count")
        assert sync.value(0) == 0
        made = accounts.users.merge(ann, into=target)
        while sync.value(0) != 230:
            pass
        done = accounts.merges.wait(made.source)
        assert (done.moved, done.stayed, done.error) == (230, 0, None) and done.done_at is not None


def test_documents_that_are_too_large_for_one_transaction_go_in_several(server: Running) -> None:
    with (
        AccountsClient(server.url, server.admin_key) as accounts,
        SyncClient(server.url, token=AdminKey(server.admin_key)) as client,
    ):
        old, new = (accounts.users.create(email=f"{name}@example.com").id for name in ("old", "new"))
        for _ in range(3):
            client.mutation("notes:fill", user=old, count=9, text="x" * 900_000)
        accounts.users.merge(old, into=new)
        done = accounts.merges.wait(old)
        assert (done.moved, done.stayed, done.error) == (27, 0, None) and done.done_at is not None


def test_a_server_that_is_killed_in_between_goes_on_after_its_restart(tmp_path: Path) -> None:
    code = write_application(tmp_path / "app", app=APP, notes=NOTES)
    with RestartableServer(code, tmp_path, mode="dev") as server:
        url = f"http://127.0.0.1:{server.port}"
        count = 4000
        with AccountsClient(url, ADMIN_KEY) as accounts, SyncClient(url, token=AdminKey(ADMIN_KEY)) as client:
            ann, bob = (accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob"))
            for _ in range(4):  # A machine with other work to do takes long for one of them.
                client.mutation("notes:fill", user=ann, count=count // 4)
            before = accounts.users.merge(ann, into=bob)
            while not before.moved:
                before = accounts.merges.get(ann)
        assert before.done_at is None
        server.kill()
        server.start()
        with AccountsClient(url, ADMIN_KEY) as accounts, SyncClient(url, token=AdminKey(ADMIN_KEY)) as client:
            done = accounts.merges.wait(ann)
            assert done.done_at is not None and done.stayed == 0
            assert client.query("notes:owners") == {bob: count}
            assert [event.event for event in accounts.audit.list(user=bob)][-1] == "user.merge_finished"
