"""What is important needs a recent proof, and administrators acting as somebody cannot do it. Checks S10, S11.

Every entry of the pages is in one of the lists here, so that a new one is thought of.
"""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

from support.holders import Ask, Holder, house_of_holders
from support.houses import House
from syncline.accounts import audit, sessions, users
from syncline.accounts.core import Core, Visitor
from syncline.accounts.web.application import ENTRIES
from syncline.accounts.web.completing import RECENT_SECONDS

#: What gives, takes or changes a way in, takes everything along, or destroys. The last ones destroy what others need.
IMPORTANT = (
    Ask("/account/export", kind="page"),
    Ask("/account/totp", kind="page"),
    Ask("/account/totp", {"code": "000000"}),
    Ask("/account/backup-codes"),
    Ask("/account/passkeys/options", kind="script"),
    Ask("/account/passkeys/add", {"flow": "{flow_add_passkey}"}, kind="script"),
    Ask("/account/emails", {"action": "add", "email": "new@example.com"}),
    Ask("/account/emails", {"action": "primary", "email": "{other}"}),
    Ask("/account/emails", {"action": "remove", "email": "{email}"}),
    Ask("/account/password", {"password": "another long sentence"}),
    Ask("/oauth/{provider}/start"),
    Ask("/account/connections", {"provider": "acme"}),
    Ask("/account/passkeys", {"passkey": "{passkey}"}),
    Ask("/account/totp/off"),
    Ask("/api-keys", {"action": "create", "name": "mine"}),
    Ask("/api-keys", {"action": "revoke", "key": "{key}"}),
    Ask("/organizations/{organization}", {"action": "delete", "word": "delete"}),
    Ask("/account/delete", {"word": "delete"}),
)
#: What needs none, and why.
OTHER = {
    **dict.fromkeys(
        ("/sign-in", "/sign-up", "/verify", "/verify/again", "/link", "/reset", "/new-password", "/mfa", "/reverify",
         "/passkeys/options", "/passkeys/sign-in", "/passkeys/reverify", "/oauth/{provider}/callback", "/connect"),
        "is a proof, or asks for one; test_connections_of_sessions.py has the end of connecting",
    ),
    **dict.fromkeys(("/sign-out", "/devices", "/sessions/revoke", "/revoke"), "takes access away"),
    **dict.fromkeys(("/account", "/sessions", "/session"), "shows"),
    **dict.fromkeys(("/.well-known/jwks.json", "/.well-known/openid-configuration"), "is public"),
    **dict.fromkeys(
        ("/token", "/authorize", "/exchange", "/device", "/device/code", "/device/decision"),
        "gives tokens that tell how old the proof is",
    ),
    **dict.fromkeys(("/organizations", "/organizations/active", "/invitation"), "is no way in"),
    "/account/profile": "is a name",
    "/impersonate": "is for administrators",
}  # fmt: skip
#: What administrators acting as somebody cannot do besides: it would outlive their session, or bother the user.
BEYOND = (
    Ask("/reverify", kind="page"),
    Ask("/reverify", {"method": "email"}),
    Ask("/passkeys/reverify", {"flow": "{flow_use_passkey}"}, kind="script"),
    Ask("/device", kind="page"),
    Ask("/device/code", {"code": "BCDF-BCDF"}),
    Ask("/device/decision", {"action": "allow", "request": "{request}"}),
    Ask(
        "/authorize?redirect_uri=http://localhost:5173/&code_challenge="
        + "x" * 43
        + "&code_challenge_method=S256",
        kind="page",
    ),
)
#: What they can do, each of which the log tells of.
LOGGED = (
    Ask("/account/profile", {"name": "Another name"}),
    Ask("/organizations", {"action": "create", "name": "Grove"}),
    Ask("/organizations/{organization}", {"action": "invite", "email": "pal@example.com"}),
    Ask("/organizations/{organization}", {"action": "withdraw", "invitation": "{invitation}"}),
    Ask("/organizations/{organization}", {"action": "rename", "name": "Grove"}),
    Ask("/organizations/{organization}", {"action": "role", "member": "{member}", "role": "admin"}),
    Ask("/organizations", {"action": "leave", "organization": "{organization}"}),
    Ask("/invitation", {"ticket": "{own_ticket}"}),
    Ask("/devices", {"action": "revoke", "session": "{another}"}),
    Ask("/sessions/revoke", {"session": "{session}"}, kind="script"),
)
#: What is neither: it signs somebody in or out, is of one session alone, or has no session at all.
NEITHER = {
    "/sign-in", "/sign-up", "/sign-out", "/verify", "/verify/again", "/link", "/reset", "/new-password", "/mfa", "/connect",
    "/passkeys/options", "/passkeys/sign-in", "/oauth/{provider}/callback", "/impersonate", "/organizations/active",
    "/token", "/exchange", "/revoke",
}  # fmt: skip
#: What is told by which mail, to the address that was the primary one, and whether it ends all other sessions.
TOLD = {
    Ask("/account/password", {"password": "another long sentence"}): ("password_changed", True),
    Ask("/account/emails", {"action": "primary", "email": "{other}"}): ("email_changed", True),
    Ask("/account/emails", {"action": "remove", "email": "{other}"}): ("factor_changed", False),
    Ask("/account/totp/off"): ("factor_changed", True),
    Ask("/account/backup-codes"): ("factor_changed", False),
    Ask("/account/passkeys", {"passkey": "{passkey}"}): ("factor_changed", False),
    Ask("/account/connections", {"provider": "acme"}): ("factor_changed", False),
    Ask("/api-keys", {"action": "create", "name": "mine"}): ("factor_changed", False),
    Ask("/account/delete", {"word": "delete"}): ("deleted", True),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with house_of_holders(tmp_path_factory.mktemp("sensitive")) as built:
        yield built


def is_asked_for_a_proof(holder: Holder) -> bool:
    answers = holder.visitor.answers
    if answers[-1].headers.get("content-type") == "application/json" and answers[-1].status_code == 403:
        return bool(answers[-1].json()["error"] == "reverify")
    return answers[-1].url.path == "/auth/reverify" and "Is it still you?" in answers[-1].text


def test_the_link_to_an_export_shows_the_page_that_asks_for_a_proof(home: House) -> None:
    """And does not save it as the file."""
    found = re.search(r"<a href=./auth/account/export.[^>]*>", Holder(home).visitor.get("/auth/account").text)
    assert found and "download" not in found[0]


def test_every_entry_is_important_or_said_not_to_be() -> None:
    assert {each.path for each in ENTRIES} == {each.path for each in IMPORTANT} | OTHER.keys()


def test_every_entry_that_changes_something_is_refused_to_actors_or_logged_or_said_to_be_neither() -> None:
    changes = {each.path for each in ENTRIES if each.form or each.json or each.free}
    assert changes <= {each.path for each in IMPORTANT + BEYOND + LOGGED} | NEITHER


@pytest.mark.parametrize("second", [False, True], ids=["one step", "two steps"])
@pytest.mark.parametrize("ask", IMPORTANT, ids=str)
def test_a_proof_of_more_than_ten_minutes_ago_is_none(home: House, ask: Ask, second: bool) -> None:
    holder = Holder(home, second=second)
    holder.age(RECENT_SECONDS + 1)
    before = holder.belongings()
    holder.ask(ask)
    assert is_asked_for_a_proof(holder), holder.visitor.answers[-1].text
    assert holder.belongings() == before


@pytest.mark.parametrize("second", [False, True], ids=["one step", "two steps"])
def test_a_proof_of_ten_minutes_ago_is_good_for_all_of_it(home: House, second: bool) -> None:
    assert RECENT_SECONDS == 600
    holder = Holder(home, second=second)
    holder.age(RECENT_SECONDS)
    for ask in IMPORTANT:
        holder.ask(ask)
        assert not is_asked_for_a_proof(holder), ask
    left = {table for table, *_ in holder.belongings()}
    assert left <= {"users", "memberships", "invitations"} and home.do(users.get, holder.user_id) is None


@pytest.mark.parametrize("ask", IMPORTANT + BEYOND, ids=str)
def test_whoever_acts_as_somebody_does_nothing_important(home: House, ask: Ask) -> None:
    holder = Holder(home, second=True, actor="tester")
    before = holder.belongings()
    holder.ask(ask)
    assert holder.belongings() == before
    last = holder.visitor.answers[-1]
    assert last.status_code == 403, last.text
    assert "acting as somebody cannot do this" in last.text


def test_what_is_done_by_acting_as_somebody_is_logged_with_who_did_it(home: House) -> None:
    holder = Holder(home, actor="tester")
    holder.things["another"] = home.do(_another_session, holder.user_id)
    for ask in LOGGED:
        newest = max(entry["id"] for entry in home.do(audit.entries))
        before = holder.belongings()
        holder.ask(ask)
        assert holder.belongings() != before, (ask, holder.visitor.answers[-1].text)
        told = home.do(audit.entries, after=newest)
        assert told and {entry["actor"] for entry in told} == {"tester"}, ask


@pytest.mark.parametrize("ask", TOLD, ids=str)
def test_the_owner_hears_of_each_change_and_whoever_else_is_signed_in_is_out(home: House, ask: Ask) -> None:
    kind, ends = TOLD[ask]
    holder = Holder(home, second=True)
    other = home.do(_another_session, holder.user_id)
    # Who is alone in charge of an organisation stays in it.
    holder.ask(Ask("/organizations/{organization}", {"action": "delete", "word": "delete"}))
    before, old = holder.belongings(), holder.visitor.cookies["syncline_session"]
    holder.ask(ask)
    assert holder.belongings() != before, holder.visitor.answers[-1].text
    assert home.mail(holder.email).kind == kind
    assert (home.do(sessions.get, other) is None) is ends
    if kind != "deleted":
        assert holder.visitor.session() is not None
    if kind == "password_changed":  # Who copied the cookie of this very session is out, too.
        assert home.do(sessions.find, old) is None


def _another_session(core: Core, user_id: str) -> str:
    session, _ = sessions.begin(core, users.require(core, user_id), Visitor("198.51.100.1"), ("pwd",))
    return session.id
