"""Organisations, roles and invitations. Checks S12 (invitations), S15, S22."""

from __future__ import annotations

import re

import pytest

from support.houses import PASSWORD, House, Visitor
from syncline.accounts import AccountError, admission, organizations, users


def make(visitor: Visitor, name: str = "Acme") -> str:
    """A new organisation: its id."""
    visitor.get("/auth/organizations")
    visitor.submit("/auth/organizations", action="create", name=name)
    session = visitor.session()
    assert session is not None
    organization: str = session["organization"]
    return organization


def invite(visitor: Visitor, organization: str, email: str, role: str = "member") -> None:
    visitor.get(f"/auth/organizations/{organization}")
    answer = visitor.submit(f"/auth/organizations/{organization}", action="invite", email=email, role=role)
    assert answer.status_code == 200, answer.text


def test_who_makes_an_organisation_runs_it_and_acts_for_it(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    organization = make(visitor)
    answer = visitor.request("GET", "/auth/session").json()
    assert answer["organizations"] == [{"id": organization, "slug": "acme", "name": "Acme", "role": "admin"}]
    assert visitor.post("/auth/organizations/active", organization=None).status_code == 200
    session = visitor.session()
    assert session is not None and session["organization"] is None
    assert visitor.post("/auth/organizations/active", organization="acme").status_code == 200
    session = visitor.session()
    assert session is not None and session["organization"] == organization


def test_the_invited_joins_with_the_invited_address(house: House) -> None:
    ann = house.sign_up("ann@example.com", name="Ann")
    organization = make(ann)
    invite(ann, organization, "bob@example.com", "admin")
    assert "Ann invites you to Acme" in house.mail("bob@example.com").text
    link = house.link("bob@example.com")
    bob = house.visitor()
    page = bob.get(link).text
    found = re.search(r'href="(/auth/sign-up\?email=[^"]+)"', page)
    assert found
    bob.get(found[1].replace("&amp;", "&"))
    bob.submit("/auth/sign-up", email="bob@example.com", password=PASSWORD)
    bob.submit("/auth/verify", code=house.code("bob@example.com"))
    assert "Accept the invitation" in bob.last.text
    bob.submit("/auth/invitation")
    session = bob.session()
    assert session is not None and session["organization"] == organization
    assert house.visitor().get(link).status_code == 410


def test_an_invitation_is_for_its_address_only(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    organization = make(ann)
    invite(ann, organization, "bob@example.com")
    link = house.link("bob@example.com")
    eve = house.sign_up("eve@example.com")
    assert "Sign in with that address" in eve.get(link).text
    ticket = link.partition("ticket=")[2]
    eve.get("/auth/account")
    assert eve.submit("/auth/invitation", ticket=ticket).status_code == 403
    assert len(house.do(organizations.members, organization)) == 1


def test_members_see_and_change_nothing_that_is_for_administrators(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com"), house.sign_up("bob@example.com")
    organization = make(ann)
    house.do(organizations.join, organization, bob.user()["id"], "member")
    path = f"/auth/organizations/{organization}"
    assert "Invite" not in bob.get(path).text
    assert "Rename" not in bob.get(path).text
    for action in ("role", "remove", "withdraw", "rename", "delete"):
        answer = bob.submit(path, action=action, member=ann.user()["id"], role="member", invitation="x")
        assert answer.status_code == 403, action
    assert bob.submit(path, action="invite", email="x@example.com").status_code == 403
    assert len(house.do(organizations.members, organization)) == 2


def test_organisations_of_others_do_not_exist(house: House) -> None:
    ann, eve = house.sign_up("ann@example.com"), house.sign_up("eve@example.com")
    organization = make(ann)
    assert eve.get(f"/auth/organizations/{organization}").status_code == 404
    assert eve.get("/auth/organizations/org_none").status_code == 404
    assert eve.post("/auth/organizations/active", organization=organization).status_code == 404
    eve.get("/auth/account")
    assert eve.submit(f"/auth/organizations/{organization}", action="delete").status_code == 404


def test_administrators_rename_and_delete_it_on_its_page(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com"), house.sign_up("bob@example.com")
    organization = make(ann)
    house.do(organizations.join, organization, bob.user()["id"], "member")
    path = f"/auth/organizations/{organization}"
    assert ann.get(path).text.count("Delete this organisation") == 2
    assert ann.submit(path, action="rename", name="  ").status_code == 400
    ann.submit(path, action="rename", name="Orchard & Sons")
    assert "Orchard &amp; Sons" in ann.get(path).text
    answer = ann.submit(path, action="delete", word="yes")
    assert answer.status_code == 400 and "<details open>" in answer.text and "delete" in ann.alert
    assert len(house.do(organizations.members, organization)) == 2
    answer = ann.submit(path, action="delete", word=" Delete ")
    assert answer.status_code == 200 and answer.url.path == "/auth/organizations"
    assert house.do(organizations.get, organization) is None
    assert "Orchard" not in ann.get("/auth/organizations").text + bob.get("/auth/organizations").text


def test_somebody_stays_in_charge(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    organization = make(ann)
    bob = house.do(users.create, email="bob@example.com")
    house.do(organizations.join, organization, bob.id, "member")
    ann.get("/auth/organizations")
    ann.submit("/auth/organizations", action="leave", organization=organization)
    assert "needs an administrator" in ann.alert
    with pytest.raises(AccountError):
        house.do(organizations.set_role, organization, ann.user()["id"], "member")
    house.do(organizations.set_role, organization, bob.id, "admin")
    ann.submit("/auth/organizations", action="leave", organization=organization)
    session = ann.session()
    assert session is not None and session["organization"] is None


def test_a_second_invitation_voids_the_first_and_a_withdrawn_one_is_over(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    organization = make(ann)
    invite(ann, organization, "bob@example.com")
    first = house.link("bob@example.com")
    invite(ann, organization, "bob@example.com")
    second = house.link("bob@example.com")
    assert house.visitor().get(first).status_code == 410
    assert house.visitor().get(second).status_code == 200
    [open_one] = house.do(admission.invitations_to, organization)
    ann.get(f"/auth/organizations/{organization}")
    ann.submit(f"/auth/organizations/{organization}", action="withdraw", invitation=open_one.id)
    assert house.visitor().get(second).status_code == 410
    house.clock.advance(8 * 86400)
    assert house.do(admission.open_invitations, "bob@example.com") == []


@pytest.mark.parametrize(
    ("name", "slug"), [("Süd & Söhne", "sud-sohne"), ("Straße 7", "strasse-7"), ("日本", "organization")]
)
def test_a_slug_keeps_the_letters_of_the_name(house: House, name: str, slug: str) -> None:
    visitor = house.sign_up("ann@example.com")
    make(visitor, name)
    [made] = visitor.request("GET", "/auth/session").json()["organizations"]
    assert (made["name"], made["slug"]) == (name, slug)


def told(house: House) -> list[str]:
    """What receivers were told of since the last time, in order."""
    rows = house.do(lambda core: core.file.rows("SELECT type FROM deliveries ORDER BY id"))
    house.do(lambda core: core.file.change("DELETE FROM deliveries"))
    return [type for (type,) in rows]


def test_receivers_hear_of_all_that_happens_to_organisations(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com"), house.sign_up("bob@example.com")
    house.accounts.webhooks.create("https://example.com/hook", ["*"])
    organization = make(ann)
    assert told(house) == ["organization.created", "organizationMembership.created"]
    invite(ann, organization, "bob@example.com")
    invite(ann, organization, "bob@example.com")
    bob.get(house.link("bob@example.com"))
    bob.submit("/auth/invitation")
    invitation = "organizationInvitation"
    assert told(house) == [
        f"{invitation}.created",
        f"{invitation}.revoked",
        f"{invitation}.created",
        "organizationMembership.created",
        f"{invitation}.accepted",
    ]
    bob.get("/auth/organizations")
    bob.submit("/auth/organizations", action="leave", organization=organization)
    assert told(house) == ["organizationMembership.deleted"]


@pytest.mark.parametrize("act", ["a changed password", "a ban", "sign out", "everywhere else"])
def test_receivers_hear_of_every_session_that_ends(house: House, act: str) -> None:
    ann, other = house.sign_up("ann@example.com"), house.visitor()
    house.accounts.webhooks.create("https://example.com/hook", ["session.*"])
    other.sign_in("ann@example.com")
    assert told(house) == ["session.created"]
    match act:
        case "a changed password":
            ann.get("/auth/account")
            ann.submit("/auth/account/password", password="another long sentence")
            expected = ["session.revoked"]
        case "a ban":
            house.accounts.users.ban("ann@example.com")
            expected = ["session.revoked"] * 2
        case "sign out":
            other.post("/auth/sign-out")
            expected = ["session.ended"]
        case _:
            ann.get("/auth/devices")
            ann.submit("/auth/devices", action="others")
            expected = ["session.revoked"]
    assert told(house) == expected and other.session() is None
