"""Nobody learns who has an account: equal answers, and equal work behind them. Check S12."""

from __future__ import annotations

import inspect
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import bcrypt
import pytest
from argon2 import PasswordHasher

from support.houses import House, Visitor
from syncline.accounts import admission, linking, passwords, users
from syncline.accounts.oauth import Profile
from syncline.accounts.web.application import ENTRIES

#: Every page and call that is given the address of somebody.
ANYBODYS = (
    "password",
    "code",
    "another mail",
    "wrong code",
    "sign-up",
    "reset",
    "passkey options",
    "connect",
)
#: The same, for who has an account already.
MEMBERS = ("another address", "invitation")
#: The modules of the pages that read an address from what is sent.
READERS = {"sign_in", "sign_up", "reset", "connecting", "account", "organizations"}


class Work:
    """What the identity file and the hashing were made to do."""

    def __init__(self) -> None:
        self.hashes: Counter[str] = Counter()
        self.statements: list[str] = []

    def clear(self) -> None:
        self.hashes.clear()
        self.statements.clear()

    @property
    def writes(self) -> Counter[str]:
        """What was written, by table: commits, which wait for the disk, among it."""
        found = (
            re.match(r"(INSERT(?: OR \w+)? INTO \w+|UPDATE \w+|DELETE FROM \w+|COMMIT)", text)
            for text in self.statements
        )
        return Counter(each[1] for each in found if each)

    @property
    def reads(self) -> int:
        return sum(text.startswith("SELECT") for text in self.statements)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    done = Work()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            done.hashes[name] += 1
            return function(*args)

        return call

    def trace(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        done.statements.append(statement)
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = trace

    monkeypatch.setattr(PasswordHasher, "hash", counted("hash", PasswordHasher.hash))
    monkeypatch.setattr(PasswordHasher, "verify", counted("verify", PasswordHasher.verify))
    monkeypatch.setattr(bcrypt, "checkpw", counted("bcrypt", bcrypt.checkpw))
    apsw.connection_hooks.append(hook)
    yield done
    apsw.connection_hooks.remove(hook)


@pytest.fixture
def house(work: Work, tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    built.sign_up("ann@example.com")
    built.provider.hasher.prepare()  # type: ignore[union-attr]  # it has passwords
    built.clock.advance(3600)
    yield built
    built.close()


def attempt(
    visitor: Visitor, kind: str, email: str, before: Callable[[], None] = lambda: None
) -> tuple[Any, ...]:
    """One try at an endpoint: status, body and headers without what differs by chance. `before` is called when the page
    is there and nothing was sent yet."""
    match kind:
        case "password" | "code":
            visitor.get("/auth/sign-in")
            before()
            visitor.submit("/auth/sign-in", email=email, password="not the password", method=kind)
        case "another mail" | "wrong code":
            visitor.get("/auth/sign-in")
            visitor.submit("/auth/sign-in", email=email, method="code")
            before()
            path = "/auth/verify/again" if kind == "another mail" else "/auth/verify"
            visitor.submit(path, code="a code")  # A number might be the right one.
        case "sign-up":
            visitor.get("/auth/sign-up")
            before()
            visitor.submit("/auth/sign-up", email=email, password="a quite long password")
        case "reset":
            visitor.get("/auth/reset")
            before()
            visitor.submit("/auth/reset", email=email)
        case "connect":
            visitor.get("/auth/sign-in")
            profile, browser = Profile("acme", email), visitor.cookies["syncline_browser"]
            flow = visitor.house.do(linking.begin_waiting, profile, "Acme", browser, "/")
            visitor.get(f"/auth/connect?flow={flow.id}")
            before()
            visitor.submit("/auth/connect", email=email)
        case "passkey options":
            visitor.get("/auth/sign-in")
            before()
            visitor.answers = [visitor.post("/auth/passkeys/options", email=email, username=email)]
        case "another address":
            visitor.get("/auth/account")
            before()
            visitor.submit("/auth/account/emails", action="add", email=email)
        case _:
            [orchard] = visitor.request("GET", "/auth/session").json()["organizations"]
            page = f"/auth/organizations/{orchard['id']}"
            visitor.get(page)
            before()
            visitor.submit(page, action="invite", email=email, role="member")
    chance = r"(?:org|inv|flow)_\w{20,}|[\w-]{20,}|orchard-?\w*|member[01]@"
    found: list[Any] = []
    for answer in visitor.answers:
        headers = {
            name: re.sub(chance, "X", value)
            for name, value in answer.headers.items()
            if name != "content-length"
        }
        found += [answer.status_code, headers, re.sub(chance, "X", answer.text.replace(email, "EMAIL"))]
    return tuple(found)


def tries(house: House, kind: str) -> list[tuple[Visitor, str]]:
    """Who tries, and which address: one that has an account, and one that has none."""
    visitors = [house.visitor(), house.visitor()]
    if kind in MEMBERS:
        visitors = [house.sign_up(f"member{number}@example.com") for number in range(2)]
        for each in visitors:
            each.get("/auth/organizations")
            each.submit("/auth/organizations", action="create", name="Orchard")
    return list(zip(visitors, ("ann@example.com", "bob@example.com"), strict=True))


def test_every_entry_that_is_given_an_address_is_looked_at() -> None:
    handlers = [each for entry in ENTRIES for each in (entry.form, entry.json, entry.free) if each]
    modules = {handler.__module__: inspect.getmodule(handler) for handler in handlers}
    reads = re.compile(
        r"""(?:form|json|fields)(?:\.get\(|\[)["'](?:email|address|username|identifier|login)"""
    )
    found = {name for name, module in modules.items() if module and reads.search(inspect.getsource(module))}
    assert {name.rpartition(".")[2] for name in found} == READERS


@pytest.mark.parametrize("action", ["remove", "primary"])
def test_an_address_of_somebody_else_is_no_more_there_than_one_of_nobody(house: House, action: str) -> None:
    member, answers = house.sign_up("member0@example.com"), list[str]()
    for email in ("ann@example.com", "bob@example.com"):
        member.get("/auth/account")
        page = member.submit("/auth/account/emails", action=action, email=email)
        answers.append(f"{page.status_code} {page.text.replace(email, 'EMAIL')}")
    assert answers[0] == answers[1] and "member0@example.com" in answers[0]
    assert house.do(users.find, "ann@example.com") is not None


@pytest.mark.parametrize("kind", ANYBODYS + MEMBERS)
def test_an_address_with_an_account_is_answered_like_one_without(house: House, kind: str) -> None:
    answers = [attempt(visitor, kind, email) for visitor, email in tries(house, kind)]
    assert answers[0] == answers[1]
    # The page that it led to, not a refusal that is the same by accident.
    assert answers[0][-3] in (200, 401) or (
        kind == "wrong code" and "This code is not right" in answers[0][-1]
    )
    assert kind == "passkey options" or "EMAIL" in answers[0][-1]


@pytest.mark.parametrize("kind", ANYBODYS + MEMBERS)
def test_an_address_with_an_account_makes_as_much_work_as_one_without(
    house: House, work: Work, kind: str
) -> None:
    done: list[tuple[Counter[str], Counter[str], int]] = []
    for visitor, email in tries(house, kind):
        attempt(visitor, kind, email, work.clear)
        done.append((Counter(work.hashes), work.writes, work.reads))
    known, unknown = done
    assert known[:2] == unknown[:2]
    assert known[1]["COMMIT"] > 0
    # A read of a row that is there takes microseconds: what is known of a user is read before anything is said.
    assert abs(known[2] - unknown[2]) <= 4
    hashes = {"password": {"verify": 1}, "sign-up": {"hash": 1}}
    assert known[0] == hashes.get(kind, {})
    mails = 0 if kind in ("password", "passkey options", "wrong code") else 1
    assert known[1]["INSERT INTO mails"] == mails


@pytest.mark.parametrize("kind", ["password", "code", "reset"])
@pytest.mark.parametrize("address", ["203.0.113.7", "198.51.100.1"])
def test_a_device_that_somebody_else_is_known_on_tells_nothing_of_an_address(
    house: House, work: Work, kind: str, address: str
) -> None:
    """In a network from which its user has signed in, and elsewhere."""
    done: list[Any] = []
    device = house.sign_up("carol@example.com").cookies["syncline_device"]
    house.clock.advance(3600)
    for email in ("ann@example.com", "bob@example.com"):
        visitor = house.visitor(address=address)
        visitor.cookies.set("syncline_device", device, domain="localhost.local", path="/")
        answer = attempt(visitor, kind, email, work.clear)
        done.append((answer, Counter(work.hashes), work.writes))
    assert done[0] == done[1]
    assert visitor.cookies["syncline_device"] == device


def test_an_invitation_looks_the_same_whether_the_invited_has_an_account(house: House, work: Work) -> None:
    pages: list[str] = []
    done: list[Counter[str]] = []
    for email in ("ann@example.com", "bob@example.com"):
        ticket = house.do(admission.invite, email, locale="en")
        work.clear()
        page = house.visitor().get(f"/auth/invitation?ticket={ticket}")
        pages.append(
            re.sub(
                r"[\w-]{20,}",
                "X",
                page.text.replace(email, "EMAIL").replace(email.replace("@", "%40"), "EMAIL"),
            )
        )
        done.append(work.writes)
    assert pages[0] == pages[1]
    assert done[0] == done[1]


def test_a_hash_from_elsewhere_makes_no_difference_while_there_is_any(house: House, work: Work) -> None:
    imported = house.do(users.create, email="imported@example.com")
    house.do(passwords.put, imported.id, bcrypt.hashpw(b"from elsewhere", bcrypt.gensalt(4)).decode())
    done: list[Counter[str]] = []
    for email in ("imported@example.com", "ann@example.com", "nobody@example.com"):
        attempt(house.visitor(), "password", email, work.clear)
        done.append(Counter(work.hashes))
    assert done == [Counter(verify=1, bcrypt=1)] * 3
    fresh = house.visitor()
    fresh.sign_in("imported@example.com", "from elsewhere")
    assert fresh.session() is not None
    attempt(house.visitor(), "password", "imported@example.com", work.clear)
    assert work.hashes == Counter(verify=1)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["password", "code", "sign-up", "reset"])
def test_an_address_with_an_account_takes_as_long_as_one_without(house: House, kind: str) -> None:
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(50):
        house.clock.advance(3600)
        for known in (True, False) if number % 2 else (False, True):
            email = f"{'ann' if known else 'bob'}{number}@example.com"
            if known:
                house.sign_up(email)
            house.clock.advance(3600)
            visitor = house.visitor()
            began = time.perf_counter()
            attempt(visitor, kind, email)
            times[known].append(time.perf_counter() - began)
    apart = abs(statistics.median(times[True]) - statistics.median(times[False]))
    assert apart < 0.005
