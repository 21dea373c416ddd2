"""What may be a password, in every form that takes a new one, and on how many threads they are hashed. Check S19."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from hashlib import sha1
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from support.holders import Holder
from support.houses import CHEAP, PASSWORD, URL, House, Visitor
from support.houses import house as live_house
from syncline import accounts
from syncline.accounts import passwords, signing_in, users
from syncline.accounts.web.visits import csrf_token
from syncline.auth import Accounts, EmailCode
from syncline.client import AccountsError

LEAKED = "a sentence that leaked 41"
LONGEST = "aBc1" * 64
NEW = ("sign-up", "reset", "change", "administration", "administration's change")
#: What each refusal says, and what it is in the words of the administration.
REFUSED = {
    "2short7": ("at least 8", "password_short"),
    LONGEST + "x": ("256", "password_long"),
    "password123": ("attackers try first", "password_common"),
    LEAKED: ("attackers try first", "password_common"),
    "the Orchard of all": ("your address or the name of this site", "password_related"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder = tmp_path_factory.mktemp("passwords")
    breached = folder / "list.txt"
    breached.write_text(f"{sha1(LEAKED.encode(), usedforsecurity=False).hexdigest().upper()}:7\n")
    settings = Accounts(name="Orchard", algorithm="ES256")
    with live_house(folder, CHEAP, EmailCode(), settings, breached_passwords=breached) as built:
        yield built


class Form:
    """Somebody in front of one of the forms that take a new password."""

    def __init__(self, home: House, kind: str) -> None:
        self.home, self.kind, self.holder = home, kind, Holder(home)
        visitor: Visitor = self.holder.visitor
        self.local, _, _ = self.holder.email.partition("@")
        self.email = self.holder.email
        match kind:
            case "sign-up":
                visitor.cookies.delete("syncline_session")
                self.local = f"new{self.local}"
                self.email = f"{self.local}@example.com"
                visitor.get("/auth/sign-up")
            case "reset":
                visitor.cookies.delete("syncline_session")
                visitor.get("/auth/reset")
                visitor.submit("/auth/reset", email=self.email)
                visitor.submit("/auth/verify", code=home.code(self.email))
            case "change":
                visitor.get("/auth/account")
            case _:
                self.email = f"other.{self.email}"

    def send(self, password: str) -> str:
        """What is said against the password; empty if it is taken."""
        visitor, people = self.holder.visitor, self.home.accounts.users
        try:
            match self.kind:
                case "sign-up":
                    visitor.submit("/auth/sign-up", email=self.email, password=password)
                case "reset":
                    visitor.submit("/auth/new-password", password=password)
                case "change":
                    visitor.submit("/auth/account/password", password=password)
                case "administration":
                    people.create(email=self.email, password=password)
                case _:
                    people.update(self.holder.user_id, password=password)
        except AccountsError as error:
            return error.code
        return visitor.alert if self.kind in ("sign-up", "reset", "change") else ""


@pytest.mark.parametrize("kind", NEW)
def test_every_form_refuses_what_attackers_try(home: House, kind: str) -> None:
    form = Form(home, kind)
    before = form.holder.belongings()
    for password, said in REFUSED.items():
        assert said[kind.startswith("admin")] in form.send(password), password
    assert form.holder.belongings() == before
    assert form.send(LONGEST) == ""


@pytest.mark.parametrize("kind", ["sign-up", "reset", "change", "administration"])
def test_a_password_with_ones_own_address_in_it_is_refused(home: House, kind: str) -> None:
    form = Form(home, kind)
    said = REFUSED["the Orchard of all"][kind == "administration"]
    for password in (f"{form.email} 1", f"my {form.email.partition('@')[0].upper()} and me"):
        assert said in form.send(password), password
    assert form.send("a different sentence 5") == ""


def test_the_longest_password_signs_in_and_a_longer_one_is_not_even_hashed(home: House, work: Work) -> None:
    form = Form(home, "change")
    form.send(LONGEST)
    work.checked.clear()
    visitor = home.visitor()
    visitor.sign_in(form.email, LONGEST + "x")
    assert visitor.session() is None
    assert work.checked == [""]
    visitor.sign_in(form.email, LONGEST)
    assert visitor.session() is not None


class Work:
    """What argon2 is made to do: on which threads, and how much at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        #: The passwords that were checked.
        self.checked: list[str] = []
        self.threads: set[str] = set()
        self.now = self.most = 0

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            with self.lock:
                self.checked += args[2:]
                self.threads.add(threading.current_thread().name)
                self.now += 1
                self.most = max(self.most, self.now)
            try:
                return function(*args)
            finally:
                with self.lock:
                    self.now -= 1

        return call


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    done = Work()
    monkeypatch.setattr(PasswordHasher, "hash", done.counted(PasswordHasher.hash))
    monkeypatch.setattr(PasswordHasher, "verify", done.counted(PasswordHasher.verify))
    yield done


def test_whatever_is_hashed_is_hashed_on_the_threads_for_it(home: House, work: Work) -> None:
    for kind in NEW:
        form = Form(home, kind)
        work.threads.clear()
        assert form.send("a different sentence 5") == ""
        assert work.threads and all(each.startswith("syncline-hash") for each in work.threads), kind
    for path, fields in (
        ("/auth/sign-in", {"email": "x@example.com"}),
        ("/auth/reverify", {"method": "password"}),
    ):
        holder = Holder(home)
        home.do(passwords.put, holder.user_id, home.provider.hasher.hash(PASSWORD))  # type: ignore[union-attr]  # it has passwords
        work.threads.clear()
        holder.visitor.get("/auth/account")
        holder.visitor.submit(path, **fields, password=PASSWORD)
        assert work.threads and all(each.startswith("syncline-hash") for each in work.threads), path


def test_a_hundred_sign_ins_at_once_are_hashed_a_few_at_a_time(tmp_path: Path, work: Work) -> None:
    with live_house(tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256"), hash_threads=3) as house:
        browser = house.provider.new_browser_secret()
        form = {"csrf": csrf_token(house.core, browser), "password": PASSWORD, "method": "password"}

        async def sign_in(number: int) -> httpx.Response:
            transport = httpx.ASGITransport(house.provider.application, client=(f"198.51.{number}.1", 1))
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                client.cookies.set("syncline_browser", browser)
                data = {**form, "email": f"somebody{number}@example.com"}
                return await client.post("/auth/sign-in", data=data, headers={"origin": URL})

        async def flood() -> list[httpx.Response]:
            return list(await asyncio.gather(*(sign_in(number) for number in range(100))))

        answers = house.run(flood())
    assert {each.status_code for each in answers} <= {401, 503}
    assert sum(each.status_code == 401 for each in answers) == len(work.checked) > 0
    assert all(each.headers["retry-after"] for each in answers if each.status_code == 503)
    assert 1 <= work.most <= len(work.threads) <= 3


def test_a_password_that_is_changed_while_it_is_checked_lets_nobody_in(house: House) -> None:
    email, visitor = "ann@example.com", accounts.Visitor("203.0.113.9", "thief", "en")
    user = house.do(users.create, email=email)
    house.do(passwords.put, user.id, "the hash before")
    found = house.do(signing_in.candidate, email, visitor)
    assert house.do(signing_in.password_checked, email, found, True, None, visitor) is not None
    # Two sign-ins at once, both of which make a better hash of it.
    for _ in range(2):
        assert house.do(signing_in.password_checked, email, found, True, "a better hash", visitor) is not None
    house.clock.advance(60)
    house.do(signing_in.change_password, user.id, "another hash", visitor, keep=None, end_keys=False)
    assert house.do(signing_in.password_checked, email, found, True, None, visitor) is None
    assert house.do(signing_in.password_checked, email, found, True, "a better hash", visitor) is None
    assert house.do(passwords.get, user.id) == "another hash"
