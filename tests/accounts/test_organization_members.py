"""What functions know of organisations and their members, and rules that follow the memberships at once."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.applications import write_application
from support.houses import House
from support.people import Person
from support.serving import Running, running
from support.sockets import SyncSocket
from syncline.accounts import (
    FILE,
    AccountError,
    IdentityFile,
    copies,
    deletion,
    merging,
    organizations,
    users,
)
from syncline.accounts.copies import Copies
from syncline.accounts.core import RoleChange
from syncline.accounts.tables import SCHEMA, UPGRADES
from syncline.functions import load_application
from syncline.identity import Revocations
from syncline.kernel.errors import ForbiddenError
from syncline.kernel.identity import ANONYMOUS, Caller, Identity
from syncline.testing import Backend, User, deny_matrix

APP = """
    from syncline import App
    from syncline.auth import Accounts, Password

    app = App(auth=[Password(memory_kib=8192, passes=1), Accounts(algorithm="ES256")])
"""
TWO_ISSUERS = APP.replace("auth import Accounts,", "auth import Accounts, OpenIDConnect,").replace(
    "Password(", 'OpenIDConnect(issuer="https://id.example.com", audience="a"), Password('
)
PLANS = """
    from syncline import (
        Document, Index, MutationCtx, Organization, OrganizationMember, QueryCtx, members, mutation, query,
    )

    class Plan(Document):
        organization_id: str
        title: str

        by_organization = Index("organization_id")
        access = members("organization_id", via=OrganizationMember.by_user, field="organization_id")

    @mutation
    def add(ctx: MutationCtx, organization_id: str, title: str) -> None:
        ctx.db.insert(Plan(organization_id=organization_id, title=title))

    @query(anonymous=True)
    def titles(ctx: QueryCtx) -> list[str]:
        return sorted(plan.title for plan in ctx.db.query(Plan))

    @query(anonymous=True)
    def colleagues(ctx: QueryCtx) -> list[OrganizationMember]:
        return ctx.db.query(OrganizationMember).all()

    @query(anonymous=True)
    def roles(ctx: QueryCtx) -> list[str]:
        return sorted(each.role for each in ctx.db.query(OrganizationMember))

    @query(anonymous=True)
    def names(ctx: QueryCtx) -> list[str]:
        return sorted(f"{each.slug}: {each.name}" for each in ctx.db.query(Organization))

    @query(anonymous=True)
    def all_of_it(ctx: QueryCtx) -> list[list[str]]:
        return [titles(ctx), roles(ctx), names(ctx)]

    @query(internal=True)
    def all_roles(ctx: QueryCtx) -> list[str]:
        return sorted(each.role for each in ctx.db.query(OrganizationMember))

    @query(internal=True)
    def all_names(ctx: QueryCtx) -> list[str]:
        return sorted(each.name for each in ctx.db.query(Organization))

    @mutation
    def join(ctx: MutationCtx, organization_id: str, user_id: str) -> None:
        ctx.db.insert(OrganizationMember(
            user_id=user_id, subject=user_id, organization_id=organization_id, role="admin", since=ctx.now
        ))

    @mutation
    def promote(ctx: MutationCtx) -> None:
        for each in ctx.db.query(OrganizationMember):
            ctx.db.patch(each, role="admin")

    @mutation(internal=True)
    def promote_all(ctx: MutationCtx) -> None:
        for each in ctx.db.query(OrganizationMember):
            ctx.db.patch(each, role="admin")
"""

Make = Callable[..., Backend]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    built: list[Backend] = []

    def of(app: str = APP) -> Backend:
        built.append(Backend(load_application(write_application(tmp_path, app=app, plans=PLANS))))
        return built[-1]

    yield of
    for each in built:
        each.close()


def as_user(backend: Backend, user: User, path: str, **args: object) -> Any:
    """What a function answers to somebody, as to a client."""
    caller = ANONYMOUS if user.identity is None else Caller(user.identity)
    return backend.world.probe(caller, f"plans:{path}", **args)


def organization_of(user: User) -> str:
    assert user.identity is not None
    return str(user.identity.claims["o"]["id"])


@pytest.mark.parametrize("app", [APP, TWO_ISSUERS], ids=["one issuer", "several issuers"])
def test_rows_of_an_organisation_are_its_members_and_nobody_elses(make: Make, app: str) -> None:
    backend = make(app)
    ann = backend.sign_up("ann@example.com", organization="Acme")
    bob = backend.sign_up("bob@example.com", organization="Acme", role="editor")
    eve = backend.sign_up("eve@example.com", organization="Umbrella")
    acme = organization_of(ann)
    as_user(backend, ann, "add", organization_id=acme, title="hers")
    as_user(backend, bob, "add", organization_id=acme, title="his")
    with pytest.raises(ForbiddenError, match="must name groups that the caller is a member of"):
        as_user(backend, eve, "add", organization_id=acme, title="not hers")
    seen = [as_user(backend, each, "titles") for each in (ann, bob, eve, backend)]
    assert seen == [["hers", "his"], ["hers", "his"], [], []]
    matrix = deny_matrix(backend, {"nobody": backend, "ann": ann, "bob": bob, "eve": eve}, tables=["plans"])
    assert matrix.allowed("plans", "get") & {"nobody", "eve"} == set()
    assert {"ann", "bob"} < matrix.allowed("plans", "patch")


def test_members_see_who_else_is_a_member_and_strangers_nothing(make: Make) -> None:
    backend = make()
    ann = backend.sign_up("ann@example.com", organization="Acme")
    bob = backend.sign_up("bob@example.com", organization="Acme", role="editor")
    eve = backend.sign_up("eve@example.com", organization="Umbrella")
    assert ann.identity is not None and bob.identity is not None
    found = {each.subject: each for each in as_user(backend, bob, "colleagues")}
    assert {id: each.role for id, each in found.items()} == {
        ann.identity.subject: "admin",
        bob.identity.subject: "editor",
    }
    his = found[bob.identity.subject]
    assert (his.user_id, his.organization_id) == (bob.identity.subject, organization_of(bob))
    assert his.since == backend.now.replace(microsecond=0)
    assert as_user(backend, bob, "names") == ["acme: Acme"]
    assert (as_user(backend, eve, "roles"), as_user(backend, eve, "names")) == (
        ["admin"],
        ["umbrella: Umbrella"],
    )
    assert (as_user(backend, backend, "roles"), as_user(backend, backend, "names")) == ([], [])
    assert as_user(backend, backend.signed_in("of another application"), "roles") == []


def test_nobody_writes_memberships(make: Make) -> None:
    backend = make()
    ann = backend.sign_up("ann@example.com", organization="Acme")
    eve = backend.sign_up("eve@example.com")
    assert eve.identity is not None
    for user in (ann, eve):
        with pytest.raises(ForbiddenError, match="_organization_members is a table of Syncline"):
            as_user(backend, user, "join", organization_id=organization_of(ann), user_id=eve.identity.subject)
    with pytest.raises(ForbiddenError, match="_organization_members is a table of Syncline"):
        as_user(backend, ann, "promote")
    with pytest.raises(ForbiddenError, match="_organization_members is a table of Syncline"):
        backend.world.probe(Caller(backend=True), "plans:promote_all")


class Desk:
    """Administration of a running server, and what its functions answer."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self._headers = {"authorization": f"Convex {server.admin_key}"}

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self.server.http.request(method, f"/auth/v1{path}", json=body or None, headers=self._headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def until(self, roles: list[str], names: list[str]) -> None:
        """Until functions know these memberships and organisations."""
        while (self.all("all_roles"), self.all("all_names")) != (roles, names):
            pass

    def all(self, path: str) -> Any:
        body: dict[str, Any] = {"path": f"plans:{path}", "args": {}, "format": "json"}
        return self.server.http.post("/api/query", json=body, headers=self._headers).json()["value"]


def until(sync: SyncSocket, *wanted: list[str]) -> None:
    """Until `all_of_it` answers this."""
    while sync.value(0) != [*wanted]:
        pass


def test_live_queries_follow_memberships_without_another_token(tmp_path: Path) -> None:
    modules = {"app": APP, "plans": PLANS}
    with running(tmp_path, modules) as server:
        desk, ann = Desk(server), Person(server, "ann@example.com")
        ann.sign_up()
        eve = desk.ask("POST", "/users", email="eve@example.com")["id"]
        acme, orchard = (
            desk.ask("POST", "/organizations", name=name, user="eve@example.com")["id"]
            for name in ("Acme", "Orchard")
        )
        headers = {"authorization": f"Convex {server.admin_key}"}
        for id, title in (acme, "of acme"), (orchard, "of orchard"):
            body: dict[str, Any] = {"path": "plans:add", "args": {"organization_id": id, "title": title}}
            assert server.http.post("/api/mutation", json=body, headers=headers).status_code == 200
        token = ann.token()
        with SyncSocket(server.port) as sync:
            sync.connect()
            sync.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
            sync.subscribe(0, "plans:all_of_it")
            mine = f"/organizations/{acme}/members"
            desk.ask("POST", mine, user="ann@example.com")
            until(sync, ["of acme"], ["admin", "member"], ["acme: Acme"])
            desk.ask("POST", f"/organizations/{orchard}/members", user="ann@example.com", role="editor")
            both = ["of acme", "of orchard"]
            until(sync, both, ["admin", "admin", "editor", "member"], ["acme: Acme", "orchard: Orchard"])
            desk.ask("PATCH", f"/organizations/{acme}", name="Acme Ltd", slug="ltd")
            desk.ask("PATCH", f"{mine}/ann@example.com", role="boss")
            until(sync, both, ["admin", "admin", "boss", "editor"], ["ltd: Acme Ltd", "orchard: Orchard"])
            desk.ask("DELETE", f"{mine}/ann@example.com")
            until(sync, ["of orchard"], ["admin", "editor"], ["orchard: Orchard"])
            desk.ask("DELETE", f"/organizations/{orchard}")
            until(sync, [], [], [])
        desk.ask("DELETE", f"/organizations/{acme}")
        desk.ask("POST", "/organizations", name="Left", user=eve)
        desk.ask("POST", "/organizations/left/members", user="ann@example.com", role="left")
        desk.ask("DELETE", "/users/ann@example.com")
    with running(
        tmp_path, modules
    ) as server:  # What the first server did not hand on any more, this one does.
        Desk(server).until(["admin"], ["Left"])


def test_tokens_of_a_former_role_are_refused_at_once_and_nobody_is_signed_out(tmp_path: Path) -> None:
    modules = {"app": APP, "plans": PLANS}
    with running(tmp_path, modules) as server:
        desk, ann = Desk(server), Person(server, "ann@example.com")
        ann.sign_up()
        acme = desk.ask("POST", "/organizations", name="Acme", user="ann@example.com")["id"]
        desk.ask("POST", "/users", email="eve@example.com")
        desk.ask("POST", f"/organizations/{acme}/members", user="eve@example.com", role="admin")
        assert ann.http.post(
            "/auth/organizations/active", json={"organization": acme}, headers=ann.origin
        ).is_success
        member = f"/organizations/{acme}/members/ann@example.com"
        changes: list[tuple[str, str, dict[str, str], str | None]] = [
            ("PATCH", member, {"role": "editor"}, "editor"),
            ("PATCH", member, {"role": "admin"}, "admin"),
            ("DELETE", member, {}, None),
            ("DELETE", f"/organizations/{acme}", {}, None),
        ]
        outdated: list[str] = []
        token = ""
        for method, path, body, role in changes:
            if path != member:
                desk.ask("POST", f"/organizations/{acme}/members", user="ann@example.com")
                chosen = {"organization": acme}
                assert ann.http.post("/auth/organizations/active", json=chosen, headers=ann.origin).is_success
            outdated.append(ann.token())
            with SyncSocket(server.port).connect() as sync:
                sync.send(type="Authenticate", baseVersion=0, tokenType="User", value=outdated[-1])
                sync.subscribe(0, "plans:roles")
                assert sync.value(0)
                desk.ask(method, path, **body)
                while (message := sync.receive())["type"] != "AuthError":
                    pass
                assert "a role that its user has no more" in message["error"]
                assert (message["authUpdateAttempted"], sync.closed_with()) == (False, (None, ""))
            assert refusal(server, outdated[-1]) == "TokenOutdated"
            token = ann.token()
            assert refusal(server, token) is None and role_in(token) == role
        # Whoever was a member, and is one again, gets in with the tokens of now.
        assert refusal(server, outdated[0]) == "TokenOutdated"
    with running(tmp_path, modules) as server:
        assert [refusal(server, each) for each in outdated] == ["TokenOutdated"] * 4
        assert refusal(server, token) is None


def refusal(server: Running, token: str) -> str | None:
    """What a call with this token is refused with."""
    body: dict[str, Any] = {"path": "plans:roles", "args": {}, "format": "json"}
    answer = server.http.post("/api/query", json=body, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401)
    return answer.json()["code"] if answer.status_code == 401 else None


def role_in(token: str) -> str | None:
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    active = claims.get("o")
    return active["rol"] if active else None


def test_changes_of_roles_are_remembered_as_long_as_tokens_live(house: House) -> None:
    ann, bob = (house.do(users.create, email=f"{name}@example.com").id for name in ("ann", "bob"))
    acme = house.do(organizations.create, "Acme", ann).organization
    house.do(organizations.join, acme, bob, "member")
    begun = ["admin", "member"]
    assert [each.role for each in house.provider.roles_changed_lately()] == begun
    house.do(organizations.set_role, acme, bob, "member")
    house.do(organizations.join, acme, bob, "admin")
    assert [each.role for each in house.provider.roles_changed_lately()] == begun
    house.do(organizations.set_role, acme, bob, "admin")
    with pytest.raises(AccountError):
        house.do(organizations.set_role, acme, "user_none", "?")
    house.do(organizations.leave, acme, bob)
    house.do(organizations.join, acme, bob, "member")
    told = [each.role for each in house.provider.roles_changed_lately()]
    assert told == [*begun, "admin", None, "member"]
    lately = house.do(organizations.changed_roles, 60)
    assert {each.user_id: each.role for each in lately} == {ann: "admin", bob: "member"}
    house.clock.advance(3700)
    house.do(lambda core: house.provider._round())  # pyright: ignore[reportPrivateUsage] - what the loop does now and then
    assert house.do(organizations.changed_roles, 10_000) == []


def test_who_comes_back_long_after_leaving_gets_in(house: House) -> None:
    revocations = Revocations(house.clock)

    def told(changes: list[RoleChange]) -> None:
        for each in changes:
            revocations.change_role("issuer", each.organization, each.user_id, each.role)

    house.provider.set_listeners(on_ended=lambda ids: None, on_keys=lambda: None, on_roles=told)
    ann, bob = (house.do(users.create, email=f"{name}@example.com").id for name in ("ann", "bob"))
    acme = house.do(organizations.create, "Acme", ann).organization
    member = Identity(bob, "issuer", claims={"o": {"id": acme, "slg": "acme", "rol": "member"}})
    house.do(organizations.join, acme, bob, "member")
    assert not revocations.is_outdated("issuer", member)
    house.do(organizations.leave, acme, bob)
    assert revocations.is_outdated("issuer", member)
    house.clock.advance(2 * 3600)
    house.do(lambda core: house.provider._round())  # pyright: ignore[reportPrivateUsage] - what the loop does now and then
    house.do(organizations.join, acme, bob, "member")
    assert not revocations.is_outdated("issuer", member)


def test_a_change_is_noted_with_its_transaction_and_kept_until_it_is_handed_on(house: House) -> None:
    put: list[Copies] = []

    async def take(changed: Copies) -> str:
        put.append(changed)
        if len(put) == 1:
            raise httpx.ConnectError("the database is not there yet")
        return ""

    house.provider.copies.put = take
    ann = house.do(users.create, email="ann@example.com").id
    acme = house.do(organizations.create, "Acme", ann).organization
    with pytest.raises(httpx.ConnectError):
        house.run(house.provider.copies.send_due())
    assert house.run(house.provider.copies.send_due()) == 3
    assert house.run(house.provider.copies.send_due()) == 0
    assert put[0] == put[1] and list(put[1].organizations) == [acme]
    [member] = map(json.loads, put[1].members)
    assert (member["subject"], member["user_id"], member["organization_id"]) == (ann, ann, acme)
    assert member["role"] == "admin"


@pytest.mark.parametrize("which", ["syncline.db", FILE])
def test_a_file_that_is_restored_alone_gets_what_the_other_one_has(tmp_path: Path, which: str) -> None:
    modules, data, copy = {"app": APP, "plans": PLANS}, tmp_path / "data", tmp_path / "copy.db"
    with running(tmp_path, modules) as server:
        desk = Desk(server)
        for name in ("ann", "bob"):
            desk.ask("POST", "/users", email=f"{name}@example.com")
        for name in ("Old", "Older"):
            desk.ask("POST", "/organizations", name=name, user="ann@example.com")
        desk.ask("POST", "/organizations/old/members", user="bob@example.com", role="former")
        desk.until(["admin", "admin", "former"], ["Old", "Older"])
    with closing(sqlite3.connect(data / which)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    with running(tmp_path, modules) as server:
        desk = Desk(server)
        desk.ask("DELETE", "/organizations/old/members/bob@example.com")
        desk.ask("DELETE", "/organizations/older")
        desk.ask("POST", "/organizations", name="New", user="bob@example.com")
        desk.until(["admin", "admin"], ["New", "Old"])
    for path in data.glob(f"{which}*"):
        path.unlink()
    copy.rename(data / which)
    with running(tmp_path, modules) as server:
        desk = Desk(server)
        if which == FILE:
            desk.until(["admin", "admin", "former"], ["Old", "Older"])
        else:
            desk.until(["admin", "admin"], ["New", "Old"])
        desk.ask("DELETE", "/organizations/old")
        desk.until(["admin"], ["Older" if which == FILE else "New"])
        assert server.log.getvalue().count("of another time") <= 1


def members(house: House) -> dict[tuple[str, str], str | None]:
    """The memberships that are to be handed on, with their roles, by organisation and user; they count as handed on."""
    found = house.do(copies.changes)
    house.do(copies.settle, found.notes)
    assert found.copies.known == [found.copies.known[0], found.copies.stamp]
    rows = map(json.loads, found.copies.members)
    return {(row["organization_id"], row["subject"]): row["role"] for row in rows}


def test_every_way_to_change_a_membership_is_noted(house: House) -> None:
    ann, bob, eve = (house.do(users.create, email=f"{name}@example.com").id for name in ("ann", "bob", "eve"))
    acme = house.do(organizations.create, "Acme", ann).organization
    other = house.do(organizations.create, "Other", bob).organization
    assert members(house) == {(acme, ann): "admin", (other, bob): "admin"}
    house.do(organizations.join, acme, bob, "member")
    seen = house.do(copies.changes)
    house.do(organizations.leave, acme, bob)
    house.do(organizations.join, acme, bob, "editor")
    house.do(copies.settle, seen.notes)
    assert members(house) == {(acme, bob): "editor"}
    house.do(organizations.set_role, acme, bob, "admin")
    assert members(house) == {(acme, bob): "admin"}
    house.do(
        lambda core: merging.merge(core, users.require(core, bob), users.require(core, eve), actor="tester")
    )
    assert members(house) == {
        (acme, bob): None,
        (other, bob): None,
        (acme, eve): "admin",
        (other, eve): "admin",
    }
    house.do(organizations.delete, acme)
    assert members(house) == {(acme, ann): None, (acme, eve): None}
    house.do(deletion.delete_user, eve)
    assert members(house) == {(other, eve): None}


def test_a_file_of_an_older_format_hands_all_on(tmp_path: Path) -> None:
    older = [statement for format in range(1, 7) for statement in UPGRADES[format]]
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(SCHEMA + ";".join(older))
        connection.executescript(
            "INSERT INTO users(id, name, created_at, updated_at) VALUES ('user_1', 'Ann', 1, 1);"
            "INSERT INTO organizations(id, slug, name, created_at) VALUES ('org_1', 'acme', 'Acme', 1);"
            "INSERT INTO memberships VALUES ('org_1', 'user_1', 'admin', 1);"
            "PRAGMA application_id = 0x53594E49; PRAGMA user_version = 7;"
        )
    file = IdentityFile(tmp_path / FILE)
    assert [row[0] for row in file.rows("SELECT organization FROM organization_changes")] == ["org_1"]
    assert [row[:2] for row in file.rows("SELECT * FROM membership_changes")] == [("org_1", "user_1")]
    file.close()
