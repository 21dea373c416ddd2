"""Whoever proves again who he is gets another secret: what somebody copied before is worth nothing after. Check S8."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import pytest
from pyotp.totp import TOTP

from support.authenticator import Authenticator
from support.houses import PASSWORD, House, Visitor

#: How somebody proves on the page for it who he is.
Proof: TypeAlias = Callable[[], object]


def by_password(house: House, visitor: Visitor) -> Proof:
    return lambda: visitor.submit("/auth/reverify", method="password", password=PASSWORD)


def by_mail(house: House, visitor: Visitor) -> Proof:
    def prove() -> None:
        visitor.submit("/auth/reverify", method="email")
        visitor.submit("/auth/verify", code=house.code("ann@example.com"))

    return prove


def by_app(house: House, visitor: Visitor) -> Proof:
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", visitor.get("/auth/account/totp").text)
    assert found
    app = TOTP(found[1].replace(" ", ""))
    visitor.submit("/auth/account/totp", code=app.at(house.core.now()))
    return lambda: visitor.submit("/auth/reverify", method="totp", code=app.at(house.core.now()))


def by_passkey(house: House, visitor: Visitor) -> Proof:
    device = Authenticator()
    asked = visitor.post("/auth/account/passkeys/options").json()
    visitor.post("/auth/account/passkeys/add", flow=asked["flow"], credential=device.create(asked["options"]))

    def prove() -> None:
        asked = visitor.post("/auth/passkeys/options").json()
        visitor.post("/auth/passkeys/reverify", flow=asked["flow"], credential=device.get(asked["options"]))

    return prove


@pytest.mark.parametrize("way", [by_password, by_mail, by_app, by_passkey])
def test_a_copied_cookie_ends_when_its_owner_proves_again_who_he_is(
    house: House, way: Callable[[House, Visitor], Proof]
) -> None:
    visitor, thief = house.sign_up("ann@example.com"), house.visitor()
    prove = way(house, visitor)
    thief.cookies.update(visitor.cookies)
    session = visitor.session()
    assert thief.session() == session and session is not None
    house.clock.advance(3600)
    visitor.get("/auth/reverify?redirect=/auth/account")
    prove()
    renewed = visitor.session()
    assert renewed is not None and renewed["id"] == session["id"]
    assert thief.session() is None
