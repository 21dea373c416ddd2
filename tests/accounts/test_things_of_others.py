"""Ids of other people's things in what is sent: nothing happens to them, and nothing of them is told. Check S22."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from support.authenticator import Authenticator, encoded
from support.holders import Ask, Holder, house_of_holders
from support.houses import URL, House
from syncline.accounts import flows, rendering
from syncline.accounts.web.application import ENTRIES

#: Each way to name something: somebody else's is refused as what does not exist is.
ASKS = (
    Ask("/devices", {"action": "revoke", "session": "{session}"}),
    Ask("/sessions/revoke", {"session": "{session}"}, kind="script"),
    Ask("/account/passkeys", {"passkey": "{passkey}"}),
    Ask("/account/passkeys/add", {"flow": "{flow_add_passkey}"}, kind="script"),
    Ask("/account/emails", {"action": "remove", "email": "{other}"}),
    Ask("/account/emails", {"action": "primary", "email": "{other}"}),
    Ask("/account/connections", {"provider": "{user}"}),
    Ask("/api-keys", {"action": "revoke", "key": "{key}"}),
    Ask("/organizations", {"action": "choose", "organization": "{organization}"}),
    Ask("/organizations", {"action": "leave", "organization": "{organization}"}),
    Ask("/organizations/active", {"organization": "{organization}"}, kind="script"),
    Ask("/organizations/{organization}", kind="page"),
    Ask("/organizations/{organization}", {"action": "invite", "email": "bob@example.com", "role": "admin"}),
    Ask("/organizations/{organization}", {"action": "role", "member": "{member}", "role": "admin"}),
    Ask("/organizations/{organization}", {"action": "remove", "member": "{member}"}),
    Ask("/organizations/{organization}", {"action": "withdraw", "invitation": "{invitation}"}),
    Ask("/organizations/{organization}", {"action": "rename", "name": "Grove"}),
    Ask("/organizations/{organization}", {"action": "delete", "word": "delete"}),
    Ask("/organizations/{own}", {"action": "role", "member": "{member}", "role": "admin"}),
    Ask("/organizations/{own}", {"action": "remove", "member": "{member}"}),
    Ask("/organizations/{own}", {"action": "withdraw", "invitation": "{invitation}"}),
    Ask("/invitation", {"ticket": "{ticket}"}),
    Ask("/device/decision", {"action": "allow", "request": "{request}"}),
    Ask("/verify", {"flow": "{flow_add_email}", "code": "000000"}),
    Ask("/verify/again", {"flow": "{flow_sign_in}"}),
    Ask("/link", {"flow": "{flow_reset}", "token": "x"}),
    Ask("/mfa", {"flow": "{flow_second}", "code": "000000"}),
    Ask("/new-password", {"flow": "{flow_new_password}", "password": "another long sentence"}),
    Ask("/passkeys/sign-in", {"flow": "{flow_use_passkey}"}, kind="script"),
    Ask("/passkeys/reverify", {"flow": "{flow_use_passkey}"}, kind="script"),
)
_HTML = Path(rendering.__file__).parent / "pages" / "html"
CHALLENGE = b"c" * 32
FORM = {"origin": URL, "accept": "text/html", "sec-fetch-site": "same-origin"}


def actions_of(path: str) -> set[str]:
    """What buttons of the pages say that a form to this path is to do; and no action, and one that no button has."""
    sent = re.sub(r"{\w+}", "{{ ", path)
    pages = [
        page for page in (each.read_text() for each in _HTML.iterdir()) if f'action="/auth{sent}' in page
    ]
    return {"", "delete"}.union(*(re.findall(r'name="action" value="(\w+)"', page) for page in pages))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with house_of_holders(tmp_path_factory.mktemp("others")) as built:
        yield built


@pytest.mark.parametrize("ask", ASKS, ids=str)
def test_things_of_somebody_else_are_answered_as_what_does_not_exist(home: House, ask: Ask) -> None:
    ann, bob = Holder(home), Holder(home)
    ann.things["own"] = bob.things["organization"]
    before, own = ann.belongings(), bob.belongings()
    ann.ask(ask, by=bob.visitor)
    theirs = bob.visitor.answers[-1]
    assert theirs.status_code in (400, 403, 404, 410), theirs.text
    assert (ann.belongings(), bob.belongings()) == (before, own)
    # The ids of nothing, in the same forms.
    nothing = {name: value[:-1] + ("b" if value[-1] == "a" else "a") for name, value in ann.things.items()}
    ann.things = {**nothing, "own": bob.things["organization"]}
    ann.ask(ask, by=bob.visitor)
    none = bob.visitor.answers[-1]
    assert none.status_code == theirs.status_code or ask.path == "/invitation"


def test_what_is_sent_in_whatever_form_to_whatever_entry_changes_nothing_of_anybody_else(home: House) -> None:
    ann = Holder(home)
    known = {name: value for name, value in ann.things.items() if name not in ("ticket", "own_ticket")}
    names = {
        **known, "user_id": known["user"], "org_id": known["organization"], "sub": known["user"], "id": known["user"],
        "userId": known["user"], "owner": known["user"], "email": known["email"], "flow": known["flow_new_password"],
    }  # fmt: skip
    before = ann.belongings()
    for entry in ENTRIES:
        path = "/auth" + entry.path.replace("{provider}", "acme").replace(
            "{organization}", known["organization"]
        )
        answers: list[httpx.Response] = []
        bob = Holder(home)
        if entry.get is not None:
            answers.append(bob.visitor.get(f"{path}?flow={known['flow_reset']}&token=x"))
        for action in sorted(actions_of(entry.path)) if entry.form else ():
            if bob.visitor.session() is None:
                bob = Holder(home)
            fields = {**names, "csrf": bob.csrf, "action": action, "password": "x", "method": "totp"}
            answers.append(bob.visitor.request("POST", path, data=fields, headers=FORM))
        if entry.json or entry.free:
            answers.append(bob.visitor.post(path, **names, credential={}, grant_type="refresh_token"))
        assert ann.belongings() == before, entry.path
        for answer in answers:
            told = answer.text + answer.headers.get("location", "")
            told_of = [each for each in (ann.user_id, ann.other, "Orchard of " + ann.email) if each in told]
            assert not told_of, (entry.path, told)


def begin(home: House, holder: Holder, purpose: str, user_id: str | None) -> str:
    """A flow in the browser of the holder, about whomever."""
    browser = holder.visitor.cookies["syncline_browser"]
    started = home.do(
        lambda core: flows.start(
            core, purpose, browser, seconds=300, user_id=user_id, challenge=CHALLENGE.hex()
        )
    )
    return started.flow.id


def test_a_token_is_for_the_session_and_not_for_whom_the_body_names(home: House) -> None:
    ann, bob = Holder(home), Holder(home)
    answer = bob.visitor.post(
        "/auth/token", user_id=ann.user_id, sub=ann.user_id, org_id=ann.things["organization"]
    )
    assert answer.status_code == 200
    assert bob.visitor.claims()["sub"] == bob.user_id


def test_nobody_confirms_with_somebody_elses_passkey(home: House) -> None:
    """Neither with one that is offered by the flow of a session, nor with one from a flow of nobody's session."""
    ann, bob = Holder(home), Holder(home)
    device = Authenticator()
    asked = ann.visitor.post("/auth/account/passkeys/options").json()
    made = ann.visitor.post(
        "/auth/account/passkeys/add", flow=asked["flow"], credential=device.create(asked["options"])
    )
    assert made.status_code == 200
    bob.age(3600)
    asked = bob.visitor.post("/auth/passkeys/options").json()
    refused = bob.visitor.post(
        "/auth/passkeys/reverify", flow=asked["flow"], credential=device.get(asked["options"])
    )
    assert (refused.status_code, refused.json()["error"]) == (400, "passkey")
    # A flow that was begun before the sign-in offers any passkey.
    begun = begin(home, bob, "use_passkey", None)
    options = {"challenge": encoded(CHALLENGE)}
    refused = bob.visitor.post("/auth/passkeys/reverify", flow=begun, credential=device.get(options))
    assert (refused.status_code, refused.json()["error"]) == (400, "passkey")
    assert bob.visitor.post("/auth/account/passkeys/options").json()["error"] == "reverify"


def test_nobody_adds_a_passkey_to_the_account_that_was_signed_in_before(home: House) -> None:
    ann, bob = Holder(home), Holder(home)
    flow, before = begin(home, bob, "add_passkey", ann.user_id), ann.belongings()
    credential = Authenticator().create({"challenge": encoded(CHALLENGE)})
    refused = bob.visitor.post("/auth/account/passkeys/add", flow=flow, credential=credential)
    assert (refused.status_code, refused.json()["error"]) == (400, "passkey")
    assert ann.belongings() == before


def test_a_passkey_that_is_somebody_elses_already_is_not_taken_over(home: House) -> None:
    ann, bob = Holder(home), Holder(home)
    device, copy = Authenticator(), Authenticator()
    copy.id = device.id
    for holder, made_by, status in ((ann, device, 200), (bob, copy, 400), (ann, copy, 400)):
        asked = holder.visitor.post("/auth/account/passkeys/options").json()
        answer = holder.visitor.post(
            "/auth/account/passkeys/add", flow=asked["flow"], credential=made_by.create(asked["options"])
        )
        assert answer.status_code == status, answer.text
    fresh = home.visitor()
    for by, status in ((copy, 400), (device, 200)):
        fresh.get("/auth/sign-in")
        asked = fresh.post("/auth/passkeys/options").json()
        answer = fresh.post("/auth/passkeys/sign-in", flow=asked["flow"], credential=by.get(asked["options"]))
        assert answer.status_code == status
    assert fresh.user()["id"] == ann.user_id


@pytest.mark.parametrize("wrong", ["origin", "host", "no finger", "challenge", "kind"])
def test_a_passkey_is_registered_as_strictly_as_it_is_used(home: House, wrong: str) -> None:
    holder, device = Holder(home), Authenticator()
    before = holder.belongings()
    asked = holder.visitor.post("/auth/account/passkeys/options").json()
    options = asked["options"]
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["rp"]["id"] == "localhost"
    match wrong:
        case "origin":
            device.origin = "http://localhost:3211"
        case "host":
            device.host = "evil.example"
        case "no finger":
            device.verifies = False
        case "challenge":
            options["challenge"] = "AAAA" + options["challenge"][4:]
        case _:
            pass
    credential = device.get(options) if wrong == "kind" else device.create(options)
    answer = holder.visitor.post("/auth/account/passkeys/add", flow=asked["flow"], credential=credential)
    assert (answer.status_code, answer.json()["error"]) == (400, "passkey")
    assert holder.belongings() == before
