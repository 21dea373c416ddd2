"""Sign-in by services that prove no address: a code to it comes first. Checks S12, S13, S14, S15."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pyotp.totp import TOTP

from support.houses import CHEAP, House, Visitor, house
from support.login_service import CLIENT, LoginService, come_back, connections, leave, login_service
from syncline.accounts import admission, organizations, users
from syncline.auth import Accounts, EmailCode, Microsoft, OpenIDSignIn, Provider

At = Callable[..., House]

ANN = {"sub": "a-1", "email": "ann@example.com", "name": "Ann"}


@pytest.fixture(scope="module")
def running() -> Iterator[LoginService]:
    with login_service() as built:
        yield built


@pytest.fixture
def service(running: LoginService) -> LoginService:
    running.person, running.lies = dict(ANN), {}
    return running


def acme(service: LoginService, name: str = "acme") -> OpenIDSignIn:
    return OpenIDSignIn(
        name=name, issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1], trust_email=False
    )


@pytest.fixture
def at(service: LoginService, tmp_path: Path) -> Iterator[At]:
    """Makes a house where people sign in at `acme`, whose word on addresses does not count, or by other ways."""
    with ExitStack() as houses:

        def build(*providers: Provider, **accounts: Any) -> House:
            ways = providers or (CHEAP, acme(service))
            built = houses.enter_context(house(tmp_path, *ways, Accounts(algorithm="ES256", **accounts)))
            service.clock = built.core.now()
            return built

        yield build


def arrive(service: LoginService, visitor: Visitor, provider: str = "acme", redirect: str = "/") -> str:
    """To the service and back: the title of the page that follows."""
    come_back(
        visitor,
        service.agree(leave(visitor, provider, f"/auth/sign-in?redirect={redirect}")),
        provider,
    )
    return visitor.last.text.partition("<h1>")[2].partition("</h1>")[0]


def test_people_of_any_tenant_of_microsoft_sign_up_by_a_code(service: LoginService, at: At) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(Microsoft):
        host: ClassVar[str] = service.url

    built = at(Local(client_id=CLIENT[0], client_secret=CLIENT[1]))
    # As tokens of Entra ID are: with the tenant, and without a word on whose the address is.
    service.lies = {"iss": f"{service.url}/t-1/v2.0", "tid": "t-1", "oid": "o-1", "ver": "2.0"}
    service.person["preferred_username"] = "ann@contoso.example"
    visitor = built.visitor()
    assert arrive(service, visitor, "microsoft", "/notes") == "Check your email"
    assert visitor.session() is None and built.do(connections) == []
    mail = built.mail("ann@example.com")
    assert mail.kind == "connect" and "sign in to localhost:3210 with Local" in mail.text
    assert visitor.submit("/auth/verify", code=built.code("ann@example.com")).headers["location"] == "/notes"
    user = visitor.user()
    assert (user["email"], user["email_verified"], user["name"]) == ("ann@example.com", True, "Ann")
    assert visitor.claims()["email_verified"] is True
    again = built.visitor()
    arrive(service, again, "microsoft")
    assert again.user()["id"] == user["id"]


@pytest.mark.parametrize("username", ["ann@contoso.example", "ann"])
def test_who_comes_without_an_address_is_asked_for_one(service: LoginService, at: At, username: str) -> None:
    built = at()
    service.person = {"sub": "a-1", "preferred_username": username}
    visitor = built.visitor()
    assert arrive(service, visitor, redirect="/notes") == "Your email address"
    assert (f'value="{username}"' in visitor.last.text) is ("@" in username)
    assert '<a href="/auth/sign-in?redirect=/notes">Back</a>' in visitor.last.text
    visitor.submit("/auth/connect", email="not one")
    assert visitor.alert == "This is not an email address."
    visitor.submit("/auth/connect", email="ann@home.example")
    visitor.submit("/auth/verify", code=built.code("ann@home.example"))
    assert visitor.user()["email"] == "ann@home.example"


def test_the_link_of_the_mail_does_what_its_code_does(service: LoginService, at: At) -> None:
    built = at()
    visitor = built.visitor()
    arrive(service, visitor)
    visitor.get(built.link("ann@example.com"))
    assert visitor.session() is None
    visitor.submit("/auth/link")
    assert visitor.user()["email"] == "ann@example.com"


def test_an_account_is_joined_once_its_address_is_proved_and_its_owner_hears_of_it(
    service: LoginService, at: At
) -> None:
    built = at()
    owner = built.sign_up("ann@example.com")
    visitor = built.visitor()
    arrive(service, visitor)
    visitor.submit("/auth/verify", code="000000")
    assert visitor.alert and visitor.session() is None and built.do(connections) == []
    visitor.submit("/auth/verify", code=built.code("ann@example.com"))
    assert visitor.user()["id"] == owner.user()["id"]
    assert built.do(connections) == [("acme", "a-1", owner.user()["id"])]
    told = built.mail("ann@example.com")
    assert told.kind == "factor_changed" and "added or removed: Acme" in told.text


def test_what_a_stranger_set_up_is_gone_once_the_code_proves_the_address(
    service: LoginService, at: At
) -> None:
    built = at()
    user = built.do(users.create, email="ann@example.com", verified=False)
    built.do(lambda core: core.file.change("INSERT INTO passwords VALUES (?, 'x', 0)", user.id))
    visitor = built.visitor()
    arrive(service, visitor)
    visitor.submit("/auth/verify", code=built.code("ann@example.com"))
    assert visitor.user()["id"] == user.id
    assert built.do(lambda core: core.file.value("SELECT count(*) FROM passwords")) == 0


def test_a_name_at_the_service_is_no_proof_of_an_address(service: LoginService, at: At) -> None:
    trusted = OpenIDSignIn(name="acme", issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1])
    built = at(CHEAP, trusted)
    built.sign_up("ann@example.com")
    service.person |= {"email": "none", "email_verified": True, "preferred_username": "ann@example.com"}
    stranger = built.visitor()
    assert arrive(service, stranger) == "Your email address"
    assert stranger.session() is None and built.do(connections) == []


def test_the_second_step_stays_to_be_done(service: LoginService, at: At) -> None:
    built = at()
    owner = built.sign_up("ann@example.com")
    owner.get("/auth/account/totp")
    secret = owner.last.text.partition("<code>")[2].partition("</code>")[0].replace(" ", "")
    owner.submit("/auth/account/totp", code=TOTP(secret).at(built.core.now()))
    visitor = built.visitor()
    arrive(service, visitor)
    visitor.submit("/auth/verify", code=built.code("ann@example.com"))
    assert "authenticator app" in visitor.last.text and visitor.session() is None


def test_another_address_can_be_used_and_the_code_of_the_first_is_over(service: LoginService, at: At) -> None:
    built = at()
    visitor = built.visitor()
    arrive(service, visitor)
    first, code = visitor.hidden["flow"], built.code("ann@example.com")
    assert f'<a href="/auth/connect?flow={first}">Use another address</a>' in visitor.last.text
    visitor.get(f"/auth/connect?flow={first}")
    assert 'value="ann@example.com"' in visitor.last.text
    visitor.submit("/auth/connect", email="ann@home.example")
    assert visitor.submit("/auth/verify", flow=first, code=code).status_code == 410
    visitor.get(f"/auth/verify?flow={flow_of(built, 'ann@home.example')}")
    visitor.submit("/auth/verify", code=built.code("ann@home.example"))
    assert visitor.user()["email"] == "ann@home.example"
    assert built.do(users.by_email, "ann@example.com") is None


def test_a_new_code_is_sent_and_the_old_one_is_over(service: LoginService, at: At) -> None:
    built = at()
    visitor = built.visitor()
    arrive(service, visitor)
    first, code = visitor.hidden["flow"], built.code("ann@example.com")
    visitor.submit("/auth/verify/again")
    assert "We have sent a new mail" in visitor.last.text
    assert visitor.submit("/auth/verify", flow=first, code=code).status_code == 410
    visitor.get(f"/auth/verify?flow={flow_of(built, 'ann@example.com')}")
    visitor.submit("/auth/verify", code=built.code("ann@example.com"))
    assert visitor.user()["email"] == "ann@example.com"


def test_mails_to_an_address_are_as_rare_as_for_every_sign_up(service: LoginService, at: At) -> None:
    built = at()
    for number in range(3):
        arrive(service, built.visitor(address=f"198.51.100.{number}"))
    visitor = built.visitor(address="192.0.2.1")
    arrive(service, visitor)
    assert "Your email address" in visitor.last.text
    visitor.submit("/auth/connect", email="ann@example.com")
    assert "Too many tries" in visitor.alert
    assert len(built.mails("ann@example.com")) == 3


def test_while_sign_up_is_closed_a_page_says_the_same_to_everybody(service: LoginService, at: At) -> None:
    built = at(sign_up="closed")
    built.do(users.create, email="member@example.com")
    pages: list[str] = []
    for subject, email in (("m-1", "member@example.com"), ("s-1", "stranger@example.com")):
        service.person = {"sub": subject, "email": email}
        visitor = built.visitor()
        assert arrive(service, visitor) == "Check your email"
        pages.append(visitor.last.text.replace(email, "EMAIL").replace(visitor.hidden["csrf"], "X"))
        pages[-1] = pages[-1].replace(visitor.hidden["flow"], "X")
    assert pages[0] == pages[1]
    assert built.mail("member@example.com").kind == "connect"
    told = built.mail("stranger@example.com")
    assert told.kind == "closed" and "needs an invitation" in told.text and built.do(connections) == []


def test_an_address_that_the_rules_keep_out_is_refused_and_another_is_not(
    service: LoginService, at: At
) -> None:
    built = at(blocked=["@example.com"])
    visitor = built.visitor()
    assert arrive(service, visitor) == "Your email address"
    visitor.submit("/auth/connect", email="ann@example.com")
    assert visitor.alert == "This address cannot be used here."
    visitor.submit("/auth/connect", email="ann@home.example")
    visitor.submit("/auth/verify", code=built.code("ann@home.example"))
    assert visitor.user()["email"] == "ann@home.example"


def test_who_is_invited_signs_up_and_has_accepted(service: LoginService, at: At) -> None:
    built = at(sign_up="invited")
    built.do(admission.invite, "ann@example.com", locale="en")
    visitor = built.visitor()
    arrive(service, visitor)
    visitor.submit("/auth/verify", code=built.code("ann@example.com"))
    assert visitor.user()["email"] == "ann@example.com"
    assert built.do(admission.open_invitations, "ann@example.com") == []


def test_an_invitation_to_an_organisation_waits_behind_the_code(service: LoginService, at: At) -> None:
    built = at(sign_up="invited")
    founder = built.do(users.create, email="bob@example.com")
    orchard = built.do(organizations.create, "Orchard", founder.id)
    ticket = built.do(admission.invite, "ann@example.com", locale="en", organization=orchard.organization)
    visitor = built.visitor()
    arrive(service, visitor, redirect=f"/auth/invitation%3Fticket%3D{ticket}")
    visitor.submit("/auth/verify", code=built.code("ann@example.com"))
    visitor.submit("/auth/invitation")
    assert [each["name"] for each in visitor.request("GET", "/auth/session").json()["organizations"]] == [
        "Orchard"
    ]


def test_another_browser_can_do_nothing_with_what_waits(service: LoginService, at: At) -> None:
    built = at()
    attacker, victim = built.visitor(), built.visitor()
    service.person = {"sub": "evil-1"}
    arrive(service, attacker)
    waiting = attacker.hidden["flow"]
    victim.get("/auth/sign-in")
    assert victim.get(f"/auth/connect?flow={waiting}").status_code == 410
    victim.get("/auth/sign-in")
    assert victim.submit("/auth/connect", flow=waiting, email="ann@example.com").status_code == 410
    assert built.mails("ann@example.com") == []
    attacker.submit("/auth/connect", email="ann@example.com")
    flow, code, link = attacker.hidden["flow"], built.code("ann@example.com"), built.link("ann@example.com")
    assert victim.get(f"/auth/verify?flow={flow}").status_code == 410
    victim.get("/auth/sign-in")
    assert victim.submit("/auth/verify", flow=flow, code=code).status_code == 410
    assert "Enter the code there" in victim.get(link).text
    assert victim.session() is None and built.do(connections) == []


def test_what_waits_is_good_for_its_own_service_and_purpose_only(service: LoginService, at: At) -> None:
    built = at(CHEAP, EmailCode(), acme(service), acme(service, "other"))
    visitor = built.visitor()
    arrive(service, visitor)
    flow, code = visitor.hidden["flow"], built.code("ann@example.com")
    for path in ("/auth/new-password", "/auth/mfa"):
        visitor.get(f"/auth/verify?flow={flow}")
        assert visitor.submit(path, flow=flow, code=code, password="a long sentence").status_code == 410
    assert visitor.get(f"/auth/oauth/other/callback?code=x&state={flow}.x").status_code == 410
    visitor.get(f"/auth/verify?flow={flow}")
    visitor.submit("/auth/verify", code=code)
    assert [provider for provider, _, _ in built.do(connections)] == ["acme"]
    # The same person there, by another name here: nobody that is known.
    assert arrive(service, fresh := built.visitor(), "other") == "Check your email"
    assert fresh.session() is None


def test_in_two_windows_one_person_gets_one_account(service: LoginService, at: At) -> None:
    built = at()
    first, second = built.visitor(), built.visitor()
    arrive(service, first)
    service.person["email"] = "ann@home.example"
    arrive(service, second)
    for visitor, email in ((first, "ann@example.com"), (second, "ann@home.example")):
        visitor.submit("/auth/verify", code=built.code(email))
    assert first.user()["id"] == second.user()["id"]
    assert [each.email for each in built.do(users.require, first.user()["id"]).addresses] == [
        "ann@example.com"
    ]


def test_what_waits_is_over_after_half_an_hour_however_often_a_code_is_sent(
    service: LoginService, at: At
) -> None:
    built = at()
    visitor = built.visitor()
    arrive(service, visitor)
    for minutes in (9, 9, 9):
        built.clock.advance(60 * minutes)
        visitor.submit("/auth/verify/again")
        assert "We have sent a new mail" in visitor.last.text
    assert "good for 3 minutes" in built.mail("ann@example.com").text
    built.clock.advance(60 * 3)
    assert visitor.submit("/auth/verify", code=built.code("ann@example.com")).status_code == 410


def flow_of(built: House, email: str) -> str:
    """The flow of the newest link to an address."""
    return built.link(email).partition("flow=")[2].partition("&")[0]
