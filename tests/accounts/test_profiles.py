"""What functions know of people with an account: their own profile, as it is now, and nothing that is secret."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.houses import CHEAP, House
from support.people import Person
from support.serving import running
from support.sockets import SyncSocket
from syncline.accounts import FILE, IdentityFile, copies, users
from syncline.accounts.copies import Copies
from syncline.accounts.tables import SCHEMA
from syncline.auth import Accounts
from syncline.functions import load_application
from syncline.kernel.errors import ForbiddenError, SetupError
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.testing import Backend, User

PEOPLE = """
    from syncline import MutationCtx, QueryCtx, UserProfile, mutation, query

    @query(anonymous=True)
    def me(ctx: QueryCtx) -> UserProfile | None:
        return ctx.auth.user()

    @query(anonymous=True)
    def my_name(ctx: QueryCtx) -> str:
        user = ctx.auth.user()
        return "nobody" if user is None else user.name

    @query(anonymous=True)
    def names(ctx: QueryCtx) -> list[str]:
        return sorted(user.name for user in ctx.db.query(UserProfile))

    @query
    def name_of(ctx: QueryCtx, subject: str) -> str | None:
        user = ctx.db.query(UserProfile).where(subject=subject).unique()
        return None if user is None else user.name

    @query
    def all_names(ctx: QueryCtx) -> list[str]:
        return sorted(user.name for user in ctx.db.unrestricted.query(UserProfile))

    @query
    def everybody(ctx: QueryCtx) -> list[UserProfile]:
        return list(ctx.db.unrestricted.query(UserProfile))

    @mutation
    def sign(ctx: MutationCtx) -> str:
        user = ctx.auth.user()
        return "" if user is None else user.name

    @mutation
    def forge(ctx: MutationCtx) -> None:
        user = ctx.auth.user()
        assert user is not None
        ctx.db.patch(user, name="Somebody else")
"""
APP = """
    from syncline import App
    from syncline.auth import Accounts, Password

    app = App(auth=[Password(memory_kib=8192, passes=1), Accounts(algorithm="ES256", {more})])
"""


Make = Callable[[str], Backend]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    built: list[Backend] = []

    def with_accounts(more: str) -> Backend:
        release = load_application(write_application(tmp_path, app=APP.format(more=more), people=PEOPLE))
        built.append(Backend(release))
        return built[-1]

    yield with_accounts
    for each in built:
        each.close()


def as_user(backend: Backend, user: User, path: str, **args: object) -> Any:
    """What a function answers to somebody, as to a client."""
    caller = ANONYMOUS if user.identity is None else Caller(user.identity)
    return backend.world.probe(caller, f"people:{path}", **args)


def test_functions_know_the_callers_profile_and_nothing_else(make: Make) -> None:
    backend = make("")
    ann = backend.sign_up("ann@example.com", name="Ann")
    assert ann.identity is not None
    found = as_user(backend, ann, "me")
    assert (found.name, found.subject, found.issuer) == ("Ann", ann.identity.subject, ann.identity.issuer)
    assert (found.email, found.metadata, found.locale) == (None, {}, "en")
    assert as_user(backend, ann, "sign") == "Ann"
    assert as_user(backend, backend, "me") is None
    assert as_user(backend, backend.signed_in("somebody of another issuer"), "me") is None
    other = backend.signed_in(ann.identity.subject, issuer="https://other.example")
    assert as_user(backend, other, "me") is None and as_user(backend, other, "names") == []
    with pytest.raises(ForbiddenError, match="_users is a table of Syncline"):
        as_user(backend, ann, "forge")


def test_everybody_sees_only_himself_unless_the_application_asks_for_more(make: Make) -> None:
    backend = make("")
    ann, bob = backend.sign_up("ann@example.com", name="Ann"), backend.sign_up("bob@example.com", name="Bob")
    assert ann.identity is not None
    assert (
        as_user(backend, ann, "names"),
        as_user(backend, bob, "names"),
        as_user(backend, backend, "names"),
    ) == (["Ann"], ["Bob"], [])
    assert as_user(backend, bob, "name_of", subject=ann.identity.subject) is None
    assert as_user(backend, bob, "all_names") == ["Ann", "Bob"]


def test_profiles_can_be_shown_to_all_who_are_signed_in_and_tell_addresses(make: Make) -> None:
    backend = make('profiles="signed_in", profile_emails=True')
    ann, bob = backend.sign_up("ann@example.com", name="Ann"), backend.sign_up("bob@example.com", name="Bob")
    assert as_user(backend, bob, "names") == ["Ann", "Bob"] and as_user(backend, backend, "names") == []
    assert as_user(backend, ann, "me").email == "ann@example.com"


def test_a_live_query_follows_the_account(tmp_path: Path) -> None:
    modules = {"app": APP.format(more='sign_up="open"'), "people": PEOPLE}
    with running(tmp_path, modules) as server:
        ann = Person(server, "ann@example.com")
        ann.sign_up()
        headers = {"authorization": f"Convex {server.admin_key}"}
        with SyncSocket(server.port) as sync:
            sync.connect()
            sync.send(type="Authenticate", baseVersion=0, tokenType="User", value=ann.token())
            sync.subscribe(0, "people:my_name")
            for name in ("Ann", "Ann Lee"):
                ann_ = "/auth/v1/users/ann@example.com"
                assert server.http.patch(ann_, json={"name": name}, headers=headers).status_code == 200
                while sync.value(0) != name:
                    pass
            assert server.http.delete("/auth/v1/users/ann@example.com", headers=headers).status_code == 200
        answer = server.post("query", path="_system/users:put", args={"profiles": {}})
        assert "Could not find" in answer["errorMessage"]
    with running(
        tmp_path, modules
    ) as server:  # What the first server did not hand on any more, this one does.
        read: dict[str, Any] = {"path": "people:all_names", "args": {}, "format": "json"}
        while server.http.post(
            "/api/query", json=read, headers={"authorization": f"Convex {server.admin_key}"}
        ).json()["value"]:
            pass


def test_a_change_is_noted_with_its_transaction_and_kept_until_it_is_handed_on(tmp_path: Path) -> None:
    house = House(tmp_path)
    put: list[dict[str, str | None]] = []

    async def take(changed: Copies) -> str:
        if not put:
            put.append({})
            raise RuntimeError("the database is not there yet")
        put.append(changed.profiles)
        return ""

    house.provider.copies.put = take
    ann = house.do(users.create, email="ann@example.com", name="Ann").id
    with pytest.raises(RuntimeError):
        house.run(house.provider.copies.send_due())
    assert house.run(house.provider.copies.send_due()) == 1
    assert house.run(house.provider.copies.send_due()) == 0
    assert '"name":"Ann"' in (put[-1][ann] or "")
    for secret in ("private", "hash", "ann@example.com"):
        assert secret not in (put[-1][ann] or "")

    seen = house.do(copies.changes)
    house.do(users.rename, ann, "Ann Lee")
    read = house.do(copies.changes)
    house.do(users.rename, ann, "Ann Li")
    house.do(copies.settle, read.notes)
    assert seen.copies.profiles == {} and '"Ann Li"' in (house.do(copies.changes).copies.profiles[ann] or "")
    house.do(lambda core: core.file.change("DELETE FROM users"))
    assert house.do(copies.changes).copies.profiles == {ann: None}
    house.close()


def test_other_settings_hand_all_on_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    ann = house.do(users.create, email="ann@example.com", name="Ann").id
    house.do(copies.settle, house.do(copies.changes).notes)
    house.provider.configure(
        replace(house.settings, providers=(CHEAP, Accounts(algorithm="ES256", profiles="signed_in")))
    )
    assert '"shared":true' in (house.do(copies.changes).copies.profiles[ann] or "")
    house.close()


def test_metadata_that_no_document_holds_are_left_out(make: Make) -> None:
    backend = make("")
    ann = backend.sign_up("ann@example.com", name="Ann")
    assert ann.identity is not None
    for metadata, kept in ('{"plan": "pro", "seats": 3}', {"plan": "pro", "seats": 3}), ('{"$ref": 1}', {}):
        profile = (
            '{"issuer": "i", "name": "Ann", "picture": "", "locale": "en", "email": null, "shared": true, '
            f'"since": 0, "metadata": {metadata}}}'
        )
        changes: dict[str, str | None] = {ann.identity.subject: profile}
        put = replace(backend.world.accounts.copies(), profiles=changes)
        backend.world.probe(Caller(backend=True), "_system/users:put", **asdict(put))
        [found] = [user.metadata for user in as_user(backend, ann, "everybody")]
        assert found == kept


def test_a_file_of_the_first_format_is_brought_up(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(
            SCHEMA + "INSERT INTO users(id, name, created_at, updated_at) VALUES ('user_1', 'Ann', 1, 1);"
            "PRAGMA application_id = 0x53594E49; PRAGMA user_version = 1;"
        )
    file = IdentityFile(tmp_path / FILE)
    assert [row[0] for row in file.rows("SELECT user_id FROM profile_changes")] == ["user_1"]
    file.close()


def test_whose_profiles_are_shown_is_one_of_two() -> None:
    with pytest.raises(SetupError, match=r"Accounts\(profiles='all'\)"):
        Accounts(profiles="all")  # type: ignore[arg-type]  # a third, on purpose
