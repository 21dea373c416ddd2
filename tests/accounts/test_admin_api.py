"""The administration over HTTP: every endpoint of its table, who may ask, and what is refused how. Checks S22, S40, S44."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.houses import PASSWORD, House
from syncline.accounts import Core, audit, users
from syncline.accounts.admin import ENDPOINTS, Endpoint, Method, find_endpoint
from syncline.accounts.identity_file import Row
from syncline.client import AccountsError

METHODS: tuple[str, ...] = get_args(Method)
ADMIN = {"authorization": "Convex admin|secret"}
READER = {"authorization": "Convex admin|reading"}
#: What stands for the places of paths, for requests that need not find anything.
NOBODY = "nobody@example.com"


#: A JSON object of many levels.
DEEP: dict[str, Any] = json.loads('{"x":' * 300 + "7" + "}" * 300)


def ask(house: House, method: str, path: str, headers: dict[str, str] = ADMIN, **more: Any) -> httpx.Response:
    return house.visitor().request(method, f"/auth/v1{path}", headers=headers, **more)


def fill(endpoint: Endpoint, value: str = NOBODY) -> str:
    path = endpoint.path
    while "{" in path:
        path = path[: path.index("{")] + value + path[path.index("}") + 1 :]
    return path


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Convex wrong|key"},
        {"authorization": "Bearer admin|secret"},
        {"authorization": "admin|secret"},
        {"authorization": "Convex admin|secret:e30="},
    ],
    ids=str,
)
def test_everything_needs_an_admin_key(house: House, headers: dict[str, str]) -> None:
    for endpoint in ENDPOINTS:
        answer = ask(house, endpoint.method, fill(endpoint), headers, content=b"not even JSON")
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_key"), endpoint


def test_a_key_that_is_withdrawn_while_a_request_arrives_changes_nothing(house: House) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"email": '
        house.provider.find_administrator = lambda key, address: None
        yield b'"ann@example.com"}'

    headers = {**ADMIN, "content-type": "application/json"}
    answer = ask(house, "POST", "/users", headers, content=slowly())
    assert (answer.status_code, answer.json()["code"]) == (403, "admin_key")
    assert house.do(users.find, "ann@example.com") is None


def test_a_session_is_no_admin_key(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    assert visitor.request("GET", "/auth/v1/users").status_code == 403


def test_a_key_for_reading_gets_and_no_more(house: House) -> None:
    house.accounts.users.create(email="ann@example.com")
    for endpoint in ENDPOINTS:
        answer = ask(house, endpoint.method, fill(endpoint, "ann@example.com"), READER, content=b"[")
        if endpoint.method == "GET":
            assert answer.status_code in (200, 404), endpoint
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "key_scope"), endpoint
    assert [user.email for user in house.accounts.users.list()] == ["ann@example.com"]


def rows_of(core: Core, table: str) -> list[Row]:
    return core.file.rows(f"SELECT * FROM {table}")


def test_nothing_that_is_read_holds_a_secret(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    ann.post("/auth/token")
    accounts = house.accounts
    secrets = [
        accounts.webhooks.create("http://localhost:9/hook").secret,
        accounts.api_keys.create("ann@example.com", "robot").secret,
        *(str(cookie.value) for cookie in ann.cookies.jar),
    ]
    organization = accounts.organizations.create("Orchard", user="ann@example.com")
    accounts.organizations.invitations.create(organization.id, "bob@example.com")
    tables = ("passwords", "signing_keys", "sessions", "api_keys", "webhooks", "invitations")
    for table in tables:
        for row in house.do(rows_of, table):
            secrets += [value.hex() if isinstance(value, bytes) else str(value) for value in row]
    # What is long and no id, address or document: hashes, sealed keys, secrets.
    kept = [text for text in secrets if len(text) >= 32 and not text.startswith(("sess_", "key_", "wh_", "inv_", "org_", "user_", "client_", "{", "Mozilla"))]  # fmt: skip
    assert len(kept) > 8
    read = ""
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            for value in ("ann@example.com", organization.id, next(iter(accounts.webhooks.list())).id):
                read += ask(house, "GET", fill(endpoint, value), READER).text
    assert "robot" in read and "bob@example.com" in read
    for secret in kept:
        assert secret not in read, secret


def test_what_is_not_there_is_404_and_another_method_405(house: House) -> None:
    assert ask(house, "GET", "/users/nobody@example.com").json()["code"] == "no_user"
    assert ask(house, "GET", "/nothing").status_code == 404
    answer = ask(house, "DELETE", "/users/count/x/y")
    assert answer.status_code == 404
    answer = ask(house, "PATCH", "/users")
    assert (answer.status_code, answer.json()["code"]) == (405, "method")
    assert set(answer.headers["allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "POST"}
    for endpoint in ENDPOINTS:
        if "{" in endpoint.path:
            answer = ask(house, endpoint.method, fill(endpoint, "nothing"), content=None)
            assert answer.status_code == 404, endpoint


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/users", {"email": "no address"}, "email"),
        ("POST", "/users", {"email": 7}, "email"),
        ("POST", "/users", {"mail": "a@example.com"}, "mail"),
        ("POST", "/users", {"email": "a@example.com", "password": "short"}, "password"),
        ("POST", "/users", {"email": "a@example.com", "password_hash": "md5:1"}, "password_hash"),
        ("PATCH", "/users/ann@example.com", {"public_metadata": []}, "public_metadata"),
        ("PATCH", "/users/ann@example.com", {"private_metadata": {"x": "y" * 9000}}, "private_metadata"),
        ("PATCH", "/users/ann@example.com", {"unsafe_metadata": DEEP}, "unsafe_metadata"),
        ("PATCH", "/users/ann@example.com", {"external_id": ""}, "external_id"),
        ("PATCH", "/users/ann@example.com", {"name": None}, "name"),
        ("POST", "/users/ann@example.com/addresses", {"email": "@"}, "email"),
        ("PATCH", "/users/ann@example.com/addresses/ann@example.com", {"verified": False}, "verified"),
        ("POST", "/organizations", {"name": "", "user": "ann@example.com"}, "name"),
        ("POST", "/organizations", {"name": "A", "slug": "A B", "user": "ann@example.com"}, "slug"),
        ("POST", "/rules", {"pattern": "example.com", "allowed": True}, "pattern"),
        ("POST", "/rules", {"pattern": "@example.com", "allowed": "yes"}, "allowed"),
        ("POST", "/webhooks", {"url": "ftp://example.com"}, "url"),
        ("POST", "/webhooks", {"url": "https://example.com", "events": "user.*"}, "events"),
        ("POST", "/api-keys", {"user": "ann@example.com", "name": ""}, "name"),
        ("POST", "/api-keys", {"user": "ann@example.com", "name": "x", "days": -1}, "days"),
        ("POST", "/signing-keys", {"revoke_now": 1}, "revoke_now"),
        ("POST", "/users/import", {"users": {}}, "users"),
    ],
)
def test_a_refusal_names_the_field_that_is_wrong(
    house: House, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    house.accounts.users.create(email="ann@example.com")
    answer = ask(house, method, path, json=body)
    assert answer.status_code == 400, answer.text
    content = answer.json()
    assert content["field"] == field and content["message"] and content["error"] == content["code"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=ten", "limit=-1", "nothing=1"])
def test_queries_are_checked_as_bodies_are(house: House, query: str) -> None:
    answer = ask(house, "GET", f"/users?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, query.partition("=")[0])


def test_what_is_taken_is_409(house: House) -> None:
    accounts = house.accounts
    accounts.users.create(email="ann@example.com", external_id="x1")
    accounts.users.create(email="bob@example.com")
    accounts.organizations.create("Orchard", user="ann@example.com", slug="orchard")
    attempts = [
        ("POST", "/users", {"email": "ANN@example.com"}, "email_taken"),
        ("POST", "/users", {"email": "c@example.com", "external_id": "x1"}, "external_id_taken"),
        ("PATCH", "/users/bob@example.com", {"external_id": "x1"}, "external_id_taken"),
        ("POST", "/users/bob@example.com/addresses", {"email": "ann@example.com"}, "email_taken"),
        ("POST", "/organizations", {"name": "O", "slug": "orchard", "user": "bob@example.com"}, "slug_taken"),
        ("POST", "/organizations/orchard/members", {"user": "ann@example.com"}, "member"),
    ]
    for method, path, body, code in attempts:
        answer = ask(house, method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, code), path
    assert accounts.users.count() == 2


def test_what_cannot_be_read_is_refused_as_such(house: House) -> None:
    kind = {"content-type": "application/json"}
    broken = (
        b"{",
        b"[]",
        b"7",
        b"\xff",
        b"[" * 100_000,
        b'{"public_metadata": {"x": NaN}}',
        b'{"name": "\\ud800"}',
    )
    for content in broken:
        assert ask(house, "POST", "/users", {**ADMIN, **kind}, content=content).status_code == 400
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert ask(house, "POST", "/users", {**ADMIN, **form}, content=b"email=a").status_code == 415
    assert ask(house, "POST", "/users", {**ADMIN, **kind}, content=b" " * 5_000_000).status_code == 413
    packed = {**ADMIN, **kind, "content-encoding": "gzip"}
    assert ask(house, "POST", "/users", packed, content=b"{}").status_code == 415
    foreign = {**ADMIN, "origin": "https://evil.example.com"}
    assert ask(house, "POST", "/users", foreign, json={"email": "a@example.com"}).status_code == 403


def test_lists_come_in_pages(house: House) -> None:
    accounts = house.accounts
    for number in range(7):
        accounts.users.create(email=f"user{number}@example.com", name=f"No {number % 2}")
    assert len({user.id for user in accounts.users.list(page_size=3)}) == 7
    first = accounts.users.list(page_size=3).page()
    assert len(first.items) == 3 and first.next == first.items[-1].id
    assert len(list(accounts.users.list(search="No 1", page_size=2))) == 3
    assert (accounts.users.count(), accounts.users.count(search="No 1")) == (7, 3)
    assert accounts.users.list(page_size=7).page().next is None
    created = [event for event in accounts.audit.list(page_size=2) if event.event == "user.created"]
    assert len(created) == 7 and created[0].id < created[-1].id


def test_every_change_is_in_the_log_with_the_key_that_made_it(house: House) -> None:
    accounts = house.accounts
    ann = accounts.users.create(email="ann@example.com").id
    accounts.users.update(ann, name="Ann", external_id="x1")
    accounts.users.update(ann, password="another long sentence")
    accounts.users.addresses.add(ann, "ann@work.example.com", verified=False)
    accounts.users.addresses.verify(ann, "ann@work.example.com")
    accounts.users.addresses.make_primary(ann, "ann@work.example.com")
    accounts.users.addresses.remove(ann, "ann@example.com")
    accounts.users.lock(ann)
    accounts.users.unlock(ann)
    accounts.users.ban(ann)
    accounts.users.unban(ann)
    accounts.users.reset_second_step(ann)
    accounts.users.impersonate(ann)
    key = accounts.api_keys.create(ann, "robot", scopes=["notes:read"], days=3)
    accounts.api_keys.revoke(key.id)
    orchard = accounts.organizations.create("Orchard", user=ann)
    accounts.organizations.update(orchard.id, name="The orchard", private_metadata={"plan": 1})
    bob = accounts.users.create(email="bob@example.com").id
    accounts.organizations.members.add(orchard.slug, bob)
    accounts.organizations.members.set_role(orchard.slug, bob, "admin")
    accounts.organizations.members.remove(orchard.slug, bob)
    accounts.invitations.revoke(accounts.organizations.invitations.create(orchard.id, "c@example.com").id)
    accounts.organizations.delete(orchard.id)
    accounts.rules.block("@evil.example.com")
    accounts.rules.remove("@EVIL.example.com")
    hook = accounts.webhooks.create("http://localhost:9/hook", ["user.*"])
    accounts.webhooks.update(hook.id, disabled=True)
    accounts.webhooks.delete(hook.id)
    accounts.signing_keys.rotate()
    accounts.users.import_rows([])
    accounts.users.delete(ann)
    entries = house.do(audit.entries)
    assert {entry["actor"] for entry in entries} == {"tester"}
    assert {entry["event"] for entry in entries} >= {
        "user.created", "user.updated", "password.changed", "email.added", "email.verified", "email.primary",
        "email.removed", "user.locked", "user.unlocked", "user.banned", "user.unbanned", "factor.removed",
        "impersonation.allowed", "api_key.created", "api_key.revoked", "organization.created", "organization.updated",
        "organizationMembership.created", "organizationMembership.updated", "organizationMembership.deleted",
        "invitation.created", "invitation.revoked", "organization.deleted", "rule.set", "rule.removed", "webhook.created",
        "webhook.updated", "webhook.deleted", "signing_key.rotated", "users.imported", "user.deleted",
    }  # fmt: skip
    assert "another long sentence" not in json.dumps(entries)


def test_people_see_that_an_administrator_acted_and_not_from_where(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    house.accounts.users.update("ann@example.com", name="Ann")
    events = visitor.request("GET", "/auth/account/export").json()["events"]
    [updated] = [event for event in events if event["event"] == "user.updated"]
    assert (updated["actor"], updated["address"], updated["agent"]) == ("tester", "", "")
    assert any(event["address"] for event in events)


def test_sessions_are_listed_and_end(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com"), house.sign_up("bob@example.com")
    sessions = house.accounts.sessions
    assert len(list(sessions.list(page_size=1))) == 2
    [own] = sessions.list(user="ann@example.com")
    assert sessions.get(own.id) == own and own.user == ann.user()["id"] and own.methods
    sessions.revoke(own.id)
    assert ann.session() is None and bob.session() is not None
    with pytest.raises(AccountsError) as refused:
        sessions.revoke(own.id)
    assert refused.value.status == 404
    assert sessions.revoke_all("bob@example.com") == 1 and bob.session() is None
    assert sessions.revoke_all("bob@example.com") == 0


def test_a_password_that_is_set_ends_sessions_and_is_told_by_mail(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    house.accounts.users.update("ann@example.com", password="quite another sentence")
    assert visitor.session() is None
    visitor.sign_in("ann@example.com", PASSWORD)
    assert visitor.session() is None
    visitor.sign_in("ann@example.com", "quite another sentence")
    assert visitor.session() is not None
    assert "password_changed" in [mail.kind for mail in house.mails("ann@example.com")]


def test_an_organisation_keeps_an_administrator(house: House) -> None:
    accounts = house.accounts
    ann = accounts.users.create(email="ann@example.com").id
    orchard = accounts.organizations.create("Orchard", user=ann, public_metadata={"plan": "pro"})
    assert (orchard.slug, orchard.members, orchard.public_metadata) == ("orchard", 1, {"plan": "pro"})
    for attempt in (
        lambda: accounts.organizations.members.remove("orchard", ann),
        lambda: accounts.organizations.members.set_role("orchard", ann, "member"),
    ):
        with pytest.raises(AccountsError) as refused:
            attempt()
        assert refused.value.code == "last_admin"
    assert [member.role for member in accounts.organizations.members.list("orchard")] == ["admin"]
    accounts.organizations.update("orchard", slug="garden")
    assert accounts.organizations.get("garden").id == orchard.id and accounts.organizations.count() == 1
    assert [each.id for each in accounts.organizations.list(search="ORCH")] == [orchard.id]
    accounts.organizations.delete("garden")
    assert accounts.users.get(ann).organizations == []


def test_invitations_are_listed_and_taken_back(house: House) -> None:
    accounts = house.accounts
    accounts.users.create(email="ann@example.com")
    orchard = accounts.organizations.create("Orchard", user="ann@example.com")
    accounts.invitations.create("bob@example.com")
    accounts.organizations.invitations.create(orchard.id, "eve@example.com", role="admin")
    [plain], [other] = accounts.invitations.list(), accounts.organizations.invitations.list("orchard")
    assert (plain.email, plain.organization) == ("bob@example.com", None)
    assert (other.email, other.organization, other.role) == ("eve@example.com", orchard.id, "admin")
    link = house.link("eve@example.com")
    accounts.invitations.revoke(other.id)
    assert list(accounts.organizations.invitations.list("orchard")) == []
    assert house.visitor().get(link).status_code == 410


def test_the_first_that_fits_a_path_is_the_right_one() -> None:
    for endpoint in ENDPOINTS:
        for value in ("ann@example.com", "user_1", "1"):
            found = find_endpoint(endpoint.method, fill(endpoint, value))
            assert found is not None and found[0] is endpoint
    assert len({(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}) == len(ENDPOINTS)
    assert find_endpoint("GET", "/users/x/y/z") is None and find_endpoint("PUT", "/users") is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_nonsense_is_refused_and_never_fails(house: House, data: st.DataObject) -> None:
    endpoint = data.draw(st.sampled_from(ENDPOINTS))
    names = st.sampled_from([*endpoint.takes, "nonsense"])
    given_ = data.draw(st.dictionaries(names, _JSON, max_size=4))
    if endpoint.reads:
        sent: dict[str, Any] = {"params": {name: str(value) for name, value in given_.items()}}
    else:
        sent = {"json": given_}
    answer = ask(house, endpoint.method, fill(endpoint), **sent)
    assert answer.status_code < 500, (endpoint, given_, answer.text)
    assert answer.status_code < 300 or answer.json()["message"]


def test_the_page_lists_every_endpoint() -> None:
    page = (Path(__file__).parents[2] / "docs" / "users.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(tuple(f"| `{name} /" for name in METHODS))]
    expected = [
        f"| `{each.method} {each.path}` | {', '.join(f'`{name}`' for name in each.takes)} | {each.text} |"
        for each in ENDPOINTS
    ]
    assert rows == expected
