"""`AccountsClient`: every endpoint of the administration, typed results, and what is sent again and what is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.houses import House
from support.serving import running
from syncline.accounts.admin import ENDPOINTS, find_endpoint
from syncline.client import AccountsClient, AccountsError, AdminKey, ClientError, ConnectionLostError
from syncline.client.accounts import Reply

KEY = "syncline|0123456789abcdef"
APP = """
    from syncline import App
    from syncline.auth import Accounts, Password

    app = App(auth=[Password(memory_kib=8192, passes=1), Accounts(algorithm="ES256")])
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.close()


class Recorder:
    """A transport that answers nothing, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, set[str]]] = []

    def send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Reply:
        self.asked.append((method, path, {*query, *(json.loads(body) if body else ())}))
        return Reply(418, b'{"code": "teapot", "message": "I am none"}')

    def close(self) -> None:
        pass


def every_call(accounts: AccountsClient) -> list[Callable[[], object]]:
    """Every method, with everything that it takes."""
    users, organizations = accounts.users, accounts.organizations
    metadata: dict[str, Any] = {"public_metadata": {}, "private_metadata": {}}
    more: dict[str, Any] = {
        **metadata,
        "unsafe_metadata": {},
        "name": "n",
        "image_url": "u",
        "locale": "de",
        "external_id": None,
    }
    return [
        lambda: users.list(search="x").page("u"),
        lambda: users.count(search="x"),
        lambda: users.get("u"),
        lambda: users.create(email="e", password="p", password_hash="h", **more),
        lambda: users.update("u", password="p", password_hash="h", **more),
        lambda: users.delete("u"),
        lambda: users.ban("u"),
        lambda: users.unban("u"),
        lambda: users.lock("u"),
        lambda: users.unlock("u"),
        lambda: users.impersonate("u", reason="r"),
        lambda: users.reset_second_step("u"),
        lambda: users.import_rows([]),
        lambda: users.merge("u", into="t"),
        lambda: accounts.merges.list().page("u"),
        lambda: accounts.merges.get("u"),
        lambda: users.addresses.list("u").page(),
        lambda: users.addresses.add("u", "e"),
        lambda: users.addresses.verify("u", "e"),
        lambda: users.addresses.make_primary("u", "e"),
        lambda: users.addresses.remove("u", "e"),
        lambda: accounts.sessions.list(user="u").page("s"),
        lambda: accounts.sessions.get("s"),
        lambda: accounts.sessions.revoke("s"),
        lambda: accounts.sessions.revoke_all("u"),
        lambda: accounts.api_keys.list(user="u").page("k"),
        lambda: accounts.api_keys.create("u", "n", scopes=["a"], days=1),
        lambda: accounts.api_keys.revoke("k"),
        lambda: organizations.list(search="x").page("o"),
        lambda: organizations.count(),
        lambda: organizations.get("o"),
        lambda: organizations.create("n", user="u", slug="s", **metadata),
        lambda: organizations.update("o", name="n", slug="s", **metadata),
        lambda: organizations.delete("o"),
        lambda: organizations.members.list("o").page("u"),
        lambda: organizations.members.add("o", "u"),
        lambda: organizations.members.set_role("o", "u", "r"),
        lambda: organizations.members.remove("o", "u"),
        lambda: organizations.invitations.list("o").page("i"),
        lambda: organizations.invitations.create("o", "e"),
        lambda: accounts.invitations.list().page("i"),
        lambda: accounts.invitations.create("e"),
        lambda: accounts.invitations.revoke("i"),
        lambda: accounts.rules.list().page("r"),
        lambda: accounts.rules.allow("@e"),
        lambda: accounts.rules.block("@e"),
        lambda: accounts.rules.remove("@e"),
        lambda: accounts.webhooks.list().page(),
        lambda: accounts.webhooks.get("w"),
        lambda: accounts.webhooks.create("u"),
        lambda: accounts.webhooks.update("w", url="u", events=["e"], disabled=True),
        lambda: accounts.webhooks.delete("w"),
        lambda: accounts.webhooks.deliveries("w").page("7"),
        lambda: accounts.webhooks.replay("w", 7),
        lambda: accounts.signing_keys.list().page(),
        lambda: accounts.signing_keys.rotate(revoke_now=True),
        lambda: accounts.audit.list(user="u").page("7"),
    ]


def test_there_is_a_method_for_every_endpoint_and_every_field() -> None:
    recorder = Recorder()
    for call in every_call(AccountsClient(transport=recorder)):
        with pytest.raises(AccountsError) as refused:
            call()
        assert (refused.value.status, refused.value.code) == (418, "teapot")
    sent: dict[tuple[str, str], set[str]] = {}
    for method, path, fields in recorder.asked:
        found = find_endpoint(method, path)
        assert found is not None, (method, path)
        sent.setdefault((method, found[0].path), set()).update(fields)
    assert sent == {(each.method, each.path): set(each.takes) for each in ENDPOINTS}


def test_results_have_their_types(house: House) -> None:
    ann = house.accounts.users.create(
        email="ann@example.com", name="Ann", external_id="x1", public_metadata={"seen_at": 5}
    )
    assert (ann.email, ann.email_verified, ann.external_id) == ("ann@example.com", True, "x1")
    assert ann.created_at == datetime.fromtimestamp(house.core.now(), UTC)
    # What is the application's own stays as it is.
    assert ann.public_metadata == {"seen_at": 5}
    assert ann.email_addresses[0].primary and ann.organizations == [] and not ann.password
    assert house.accounts.users.update("x1", external_id=None).external_id is None
    hash = "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHQ$not-really-a-hash"
    assert house.accounts.users.update(ann.id, password_hash=hash).password is True
    key = house.accounts.api_keys.create(ann.id, "robot", scopes=["a", "b"], days=1)
    assert key.secret.startswith("sk_") and key.secret not in repr(key)
    assert key.expires_at is not None and (key.expires_at - key.created_at).days == 1
    assert key.scopes == ["a", "b"]
    for event in house.accounts.audit.list():
        assert event.at.tzinfo is UTC


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(*answers: Answer | None) -> Generator[tuple[str, list[str]]]:
    """A server that gives one answer after the other (None: it hangs up), and what it was asked."""
    waiting, asked = list(answers), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append(f"{self.command} {self.path} {self.headers['authorization']}")
            given = waiting.pop(0)
            if given is None:
                self.close_connection = True
                return
            status, headers, content = given
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


COUNT: Answer = (200, {}, b'{"count": 7}')
BUSY: Answer = (503, {"retry-after": "0"}, b'{"code": "busy", "message": "later"}')
PROXY: Answer = (503, {}, b"<html>no backend</html>")


def test_reading_is_tried_again_and_other_things_only_if_nothing_was_begun() -> None:
    with answering(None, PROXY, BUSY, COUNT) as (url, asked), AccountsClient(url, KEY) as accounts:
        assert accounts.users.count() == 7
        assert asked == [f"GET /auth/v1/users/count Convex {KEY}"] * 4
    with answering(BUSY, (200, {}, b'{"revoked": 2}')) as (url, asked), AccountsClient(url, KEY) as accounts:
        assert accounts.sessions.revoke_all("ann@example.com") == 2
        assert len(asked) == 2
    with answering(None) as (url, asked), AccountsClient(url, KEY) as accounts:
        with pytest.raises(ConnectionLostError, match="whether it was done is not known"):
            accounts.invitations.create("ann@example.com")
        assert len(asked) == 1
    with (
        answering(PROXY) as (url, asked),
        AccountsClient(url, KEY) as accounts,
        pytest.raises(AccountsError, match="status 503"),
    ):
        accounts.invitations.create("ann@example.com")
    with answering(BUSY, BUSY) as (url, asked), AccountsClient(url, KEY, retries=1) as accounts:
        with pytest.raises(AccountsError) as refused:
            accounts.users.count()
        assert (refused.value.status, refused.value.code, len(asked)) == (503, "busy", 2)


def test_a_server_that_is_none_is_said_so() -> None:
    with (
        answering((200, {}, b"<html>")) as (url, _),
        AccountsClient(url, KEY) as accounts,
        pytest.raises(ClientError, match="no JSON"),
    ):
        accounts.users.count()
    with (
        answering((200, {}, b'{"id": 7}')) as (url, _),
        AccountsClient(url, KEY) as accounts,
        pytest.raises(ClientError, match="another UserDetails"),
    ):
        accounts.users.get("ann@example.com")
    # The key goes nowhere else.
    with answering((307, {"location": "http://127.0.0.1:9/"}, b"")) as (url, asked):
        with AccountsClient(url, KEY) as accounts, pytest.raises(AccountsError, match="status 307"):
            accounts.users.count()
        assert len(asked) == 1
    with (
        AccountsClient(url, KEY, retries=0) as accounts,
        pytest.raises(ConnectionLostError, match="cannot be"),
    ):
        accounts.users.count()


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNCLINE_ADMIN_KEY", raising=False)
    monkeypatch.delenv("SYNCLINE_URL", raising=False)
    with pytest.raises(ClientError, match="set SYNCLINE_URL"):
        AccountsClient()
    with answering(COUNT, COUNT) as (url, asked):
        monkeypatch.setenv("SYNCLINE_URL", url)
        with pytest.raises(ClientError, match="set SYNCLINE_ADMIN_KEY"):
            AccountsClient()
        monkeypatch.setenv("SYNCLINE_ADMIN_KEY", KEY)
        with AccountsClient() as accounts:
            assert accounts.users.count() == 7
        with AccountsClient(key=AdminKey("other|key")) as accounts:
            accounts.users.count()
        assert [line.rpartition(" ")[2] for line in asked] == [KEY, "other|key"]
    with pytest.raises(ClientError, match="an id is needed"), AccountsClient(url) as accounts:
        accounts.users.get("")


def test_odd_ids_stay_in_their_place() -> None:
    recorder = Recorder()
    accounts = AccountsClient(transport=recorder)
    for user in ("../sessions", "a/b", "a?b=c", "a#b", "%2e%2e", "ä"):
        with pytest.raises(AccountsError):
            accounts.users.ban(user)
        path = recorder.asked[-1][1]
        assert path.startswith("/users/") and path.endswith("/ban") and path.count("/") == 3
        assert "?" not in path and "#" not in path


def test_a_real_server_is_administered(tmp_path: Path) -> None:
    with running(tmp_path, {"app": APP}) as server:
        url = f"http://127.0.0.1:{server.port}"
        with AccountsClient(url, server.admin_key) as accounts:
            ann = accounts.users.create(email="ann@example.com", password="a long sentence 77")
            assert [user.id for user in accounts.users.list(search="ann")] == [ann.id]
            accounts.users.addresses.add(ann.id, "a/b+c@example.com", primary=True)
            assert accounts.users.get("ann@example.com").email == "a/b+c@example.com"
            accounts.users.addresses.make_primary(ann.id, "ann@example.com")
            accounts.users.addresses.remove(ann.id, "a/b+c@example.com")
            assert accounts.users.delete(ann.id) == ann.id
            assert {event.actor for event in accounts.audit.list()} == {"admin"}
        with AccountsClient(url, f"{server.admin_key}x") as accounts:
            with pytest.raises(AccountsError) as refused:
                accounts.users.count()
            assert (refused.value.status, refused.value.code) == (403, "admin_key")
