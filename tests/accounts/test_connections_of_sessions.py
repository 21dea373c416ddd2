"""The end of connecting another service, in whose session it is. Checks S10, S14."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx
import pytest

from support.holders import Holder
from support.houses import CHEAP, House, house
from support.login_service import CLIENT, LoginService, come_back, leave, login_service
from syncline.accounts import sessions
from syncline.accounts.core import Core
from syncline.accounts.oauth import Profile
from syncline.accounts.web.completing import RECENT_SECONDS
from syncline.auth import Accounts, EmailCode, OpenIDSignIn


class Orchard:
    """A house, and a service at which somebody else is who he says."""

    def __init__(self, home: House, service: LoginService) -> None:
        self.home, self.service = home, service

    def leave(self, holder: Holder) -> str:
        """On the way to connect; where the browser is sent."""
        return leave(holder.visitor, page="/auth/account")

    def come_back(self, holder: Holder, url: str) -> httpx.Response:
        self.service.clock = self.home.core.now()
        return come_back(holder.visitor, self.service.agree(url))

    def connected(self, subject: str) -> str | None:
        """Whose the connection is."""
        sql = "SELECT user_id FROM connections WHERE provider = 'acme' AND subject = ?"
        found: str | None = self.home.do(lambda core: core.file.value(sql, subject))
        return found


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory) -> Generator[Orchard]:
    with login_service() as service:
        acme = OpenIDSignIn(name="acme", issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1])
        folder = tmp_path_factory.mktemp("connecting")
        with house(folder, CHEAP, EmailCode(), acme, Accounts(algorithm="ES256")) as built:
            yield Orchard(built, service)


def use_browser_of(other: Holder, holder: Holder) -> None:
    browser = other.visitor.cookies["syncline_browser"]
    holder.visitor.cookies.set("syncline_browser", browser, domain="localhost.local", path="/")


def test_what_one_user_began_is_not_ended_in_the_session_of_another(orchard: Orchard) -> None:
    ann, bob = Holder(orchard.home), Holder(orchard.home)
    orchard.service.person = {"sub": "s-1", "email": "s1@example.com", "email_verified": True}
    url = orchard.leave(ann)
    use_browser_of(ann, bob)  # As somebody does who can plant cookies, or who was at this browser before.
    before = ann.belongings(), bob.belongings()
    assert orchard.come_back(bob, url).status_code == 410
    assert orchard.connected("s-1") is None
    assert (ann.belongings(), bob.belongings()) == before


def test_what_was_begun_in_another_browser_is_not_ended_even_by_the_same_user(orchard: Orchard) -> None:
    ann = Holder(orchard.home)
    orchard.service.person = {"sub": "s-2", "email": "s2@example.com", "email_verified": True}
    url = orchard.leave(ann)
    use_browser_of(Holder(orchard.home), ann)
    assert orchard.come_back(ann, url).status_code == 410
    assert orchard.connected("s-2") is None


def test_without_the_session_in_which_it_was_begun_nothing_is_connected(orchard: Orchard) -> None:
    ann = Holder(orchard.home)
    orchard.service.person = {"sub": "s-3", "email": ann.email, "email_verified": True}
    url = orchard.leave(ann)
    ann.visitor.cookies.delete("syncline_session")
    assert orchard.come_back(ann, url).status_code == 401
    assert orchard.connected("s-3") is None
    assert ann.visitor.session() is None


def test_what_a_stranger_began_connects_nothing_to_who_is_signed_in(orchard: Orchard) -> None:
    """The answer is for a sign-in: it signs in whom the service names, and nobody who is here gets a new way in."""
    stranger, bob = Holder(orchard.home), Holder(orchard.home)
    orchard.service.person = {"sub": "s-4", "email": "s4@example.com", "email_verified": True}
    stranger.visitor.cookies.delete("syncline_session")
    url = leave(stranger.visitor)
    use_browser_of(stranger, bob)
    before = bob.belongings()
    orchard.come_back(bob, url)
    assert bob.belongings() == before
    assert orchard.connected("s-4") not in (None, bob.user_id)


def test_a_session_that_ends_while_the_service_is_asked_connects_nothing(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, home = Holder(orchard.home), orchard.home
    orchard.service.person = {"sub": "s-6", "email": "s6@example.com", "email_verified": True}
    url, client = orchard.leave(ann), home.provider.clients["acme"]
    redeem = client.redeem

    def slowly(*given: Any) -> Profile:
        home.do(sessions.end_all, ann.user_id, "revoked")
        return redeem(*given)

    monkeypatch.setattr(client, "redeem", slowly)
    assert orchard.come_back(ann, url).status_code == 401
    assert orchard.connected("s-6") is None


def test_the_proof_must_be_recent_at_the_end_too(orchard: Orchard) -> None:
    ann = Holder(orchard.home)
    orchard.service.person = {"sub": "s-5", "email": "s5@example.com", "email_verified": True}
    ann.age(RECENT_SECONDS)
    url = orchard.leave(ann)
    orchard.home.clock.advance(1)
    assert orchard.come_back(ann, url).status_code == 403
    assert orchard.connected("s-5") is None
    ann.age(RECENT_SECONDS)
    orchard.come_back(ann, orchard.leave(ann))
    assert orchard.connected("s-5") == ann.user_id


def test_the_last_ways_to_sign_in_are_not_removed_together(orchard: Orchard) -> None:
    ann = Holder(orchard.home)

    def leave_two_connections(core: Core) -> None:
        core.file.change("DELETE FROM passwords WHERE user_id = ?", ann.user_id)
        core.file.change("UPDATE addresses SET verified_at = NULL WHERE user_id = ?", ann.user_id)
        core.file.change("INSERT INTO connections VALUES ('acme', 'two', ?, '', 0, NULL)", ann.user_id)

    orchard.home.do(leave_two_connections)
    before = ann.belongings()
    ann.visitor.get("/auth/account")
    ann.visitor.submit("/auth/account/connections", provider="acme")
    assert "only way to sign in" in ann.visitor.alert
    assert ann.belongings() == before
