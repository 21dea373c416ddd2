"""Somebody who has one of everything that an account can have, made without a single form; and requests of every entry of
the pages."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from pyotp.totp import TOTP

from support.houses import CHEAP, House, Visitor, house
from support.login_service import CLIENT, login_service
from syncline.accounts import (
    admission,
    api_keys,
    device_grants,
    known_devices,
    organizations,
    passwords,
    second_factor,
    sessions,
    users,
)
from syncline.accounts.core import Core
from syncline.accounts.core import Visitor as Place
from syncline.accounts.flows import start
from syncline.accounts.sessions import Session
from syncline.accounts.web.visits import csrf_token
from syncline.auth import Accounts, EmailCode, OpenIDSignIn, Passkey

_numbers = count(1)
#: What changes by itself, or belongs to nobody.
_PASSING = {
    "meta", "rates", "failures", "flows", "signing_keys", "audit", "mails", "deliveries", "profile_changes", "revoked",
    "address_rules", "sqlite_sequence", "organization_changes", "membership_changes", "changed_roles",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ask:
    """A request to an entry of the pages. `{name}` in the path and in fields stands for something of the holder's."""

    path: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    kind: Literal["page", "form", "script"] = "form"

    def __str__(self) -> str:
        return f"{self.path} {self.fields.get('action', '')}".rstrip()


class Holder:
    """A user with a session and with things, by the names that forms have for them."""

    def __init__(self, house: House, *, second: bool = False, actor: str | None = None) -> None:
        self.house = house
        number = next(_numbers)
        self.email, self.other = f"holder{number}@example.com", f"holder{number}@other.example"
        self.things: dict[str, str] = {}
        self.visitor = house.visitor(address=f"203.0.{number // 200}.{number % 200 + 1}")
        self.user_id, secret = house.do(self._make, second, actor)
        self.set_cookie(house.provider.session_cookie, secret)
        self.set_cookie(house.provider.browser_cookie, house.provider.new_browser_secret())

    @property
    def session(self) -> Session:
        found = self.house.do(sessions.get, self.things["session"])
        assert found is not None
        return found

    def set_cookie(self, name: str, value: str) -> None:
        host = urlsplit(self.house.settings.url).hostname or ""
        domain = host if "." in host else f"{host}.local"
        self.visitor.cookies.set(name, value, domain=domain, path="/")

    @property
    def csrf(self) -> str:
        """What forms of this browser carry."""
        return csrf_token(self.house.core, self.visitor.cookies[self.house.provider.browser_cookie])

    def ask(self, ask: Ask, by: Visitor | None = None) -> httpx.Response:
        """Send it, as this holder or as somebody else who knows the names of the holder's things."""
        visitor = by or self.visitor
        path = f"/auth{ask.path}".replace("{provider}", "acme").format(**self.things)
        fields = {name: value.format(**self.things) for name, value in ask.fields.items()}
        match ask.kind:
            case "page":
                return visitor.get(path)
            case "form":
                visitor.get("/auth/account")
                return visitor.submit(path, **fields)
            case "script":
                visitor.answers = [visitor.post(path, **fields)]
                return visitor.answers[0]

    def age(self, seconds: int) -> None:
        """Let the proofs of the session be so old."""
        at = self.house.core.now() - seconds
        self.house.do(
            lambda core: core.file.change(
                "UPDATE sessions SET first_at = ?, second_at = second_at - second_at + ? WHERE user_id = ?",
                at,
                at,
                self.user_id,
            )
        )

    def belongings(self) -> list[tuple[Any, ...]]:
        """Every row of the identity file in which the user or one of the things is named."""
        named = {self.user_id, *self.things.values()} - {""}

        def rows(core: Core) -> list[tuple[Any, ...]]:
            tables = [
                name for (name,) in core.file.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            return [
                (table, *row)
                for table in sorted(set(tables) - _PASSING)
                for row in core.file.rows(f"SELECT * FROM {table}")
                if named & {each.hex() if isinstance(each, bytes) else str(each) for each in row}
            ]

        return self.house.do(rows)

    def _make(self, core: Core, second: bool, actor: str | None) -> tuple[str, str]:
        place = Place("203.0.113.7", "Firefox")
        user = users.create(core, email=self.email, name="Somebody")
        users.add_address(core, user.id, self.other, verified=True)
        passwords.put(core, user.id, "$argon2id$nobody knows")
        passkey = core.entropy.bytes(16)
        core.file.change(
            "INSERT INTO passkeys VALUES (?, ?, x'00', 0, 'phone', '[]', 0, ?, NULL)",
            passkey,
            user.id,
            core.now(),
        )
        core.file.change(
            "INSERT INTO connections VALUES ('acme', ?, ?, ?, ?, NULL)",
            user.id,
            user.id,
            self.other,
            core.now(),
        )
        if second:
            app, _ = second_factor.set_up(core, self.email)
            assert second_factor.confirm(core, user.id, app, TOTP(app).at(core.now())) is not None
        key, _ = api_keys.create(core, user.id, "robot")
        made = organizations.create(core, f"Orchard of {self.email}", user.id)
        mate = users.create(core, name="Mate")
        organizations.join(core, made.organization, mate.id, "member")
        session, secret = sessions.begin(core, user, place, ("pwd",), second=second, actor=actor)
        known_devices.renew(core, user.id, session.id, place)
        ticket = admission.invite(
            core, f"guest.{self.email}", locale="en", organization=made.organization, by=user
        )
        invited = admission.invitations_to(core, made.organization)[0]
        own_ticket = admission.invite(core, self.email, locale="en")
        asked = device_grants.ask(core, "a program", place)
        request = device_grants.claim(core, asked.user_code, session, place)
        assert request is not None
        purposes = (
            "sign_in",
            "reset",
            "add_email",
            "reverify",
            "second",
            "new_password",
            "add_passkey",
            "use_passkey",
        )
        flows = {
            f"flow_{purpose}": start(
                core, purpose, "holder", seconds=600, user_id=user.id, address=self.email, target="/"
            ).flow.id
            for purpose in purposes
        }
        self.things = {
            "user": user.id, "email": self.email, "other": self.other, "passkey": passkey.hex(), "key": key.id,
            "organization": made.organization, "member": mate.id, "session": session.id, "invitation": invited.id,
            "ticket": ticket, "own_ticket": own_ticket, "request": request.id, **flows,
        }  # fmt: skip
        return user.id, secret


@contextmanager
def house_of_holders(folder: Path) -> Generator[House]:
    """A house with every way to sign in that a holder has."""
    with login_service() as service:
        acme = OpenIDSignIn(name="acme", issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1])
        with house(folder, CHEAP, EmailCode(), Passkey(), acme, Accounts(algorithm="ES256")) as built:
            yield built
