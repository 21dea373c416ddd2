"""API keys, as people make them on their page."""

from __future__ import annotations

import re

import pytest

from support.houses import URL, House, Visitor
from syncline.accounts import admission, api_keys, passkeys, users, webhooks
from syncline.client import AccountsError

DAY = 24 * 3600


def make(visitor: Visitor, **fields: str) -> str:
    """A new key's secret, which the page shows once."""
    visitor.get("/auth/api-keys")
    found = re.search(
        r"<code>(sk_[\w-]{43})</code>", visitor.submit("/auth/api-keys", action="create", **fields).text
    )
    assert found, visitor.alert
    assert found[1] not in visitor.get("/auth/api-keys").text
    return found[1]


def works(house: House, secret: str) -> bool:
    headers = {"authorization": f"Bearer {secret}"}
    return house.visitor(agent="robot").request("POST", "/auth/token", json={}, headers=headers).is_success


def test_people_choose_when_a_key_ends_and_see_it(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    secret = make(visitor, name="Robot", days="7")
    assert re.search(r"Robot</strong>.*ends \d{4}-\d\d-\d\d \d\d:\d\d UTC", visitor.last.text)
    house.clock.advance(7 * DAY - 60)
    assert works(house, secret)
    house.clock.advance(61)
    assert not works(house, secret)
    again = house.visitor()
    again.sign_in("ann@example.com")
    assert "Robot" not in again.get("/auth/api-keys").text


def test_a_token_ends_with_its_key(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    secret = make(visitor, name="Robot", days="7")
    house.clock.advance(7 * DAY - 10)
    headers = {"authorization": f"Bearer {secret}"}
    answer = house.visitor().request("POST", "/auth/token", json={}, headers=headers)
    assert answer.json()["expires_in"] == 10


def test_a_key_without_an_end_is_a_choice_and_not_what_happens_by_itself(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    make(visitor, name="Usual")
    make(visitor, name="Endless", days="")
    assert "does not end" in visitor.last.text
    keys = {key.name: key.expires_at for key in house.do(api_keys.listed, visitor.user()["id"])}
    assert keys == {"Usual": house.core.now() + 90 * DAY, "Endless": None}
    assert '<option value="90" selected>' in visitor.last.text


@pytest.mark.parametrize("days", ["-1", "0", "8", "x", "1e3", "3650000"])
def test_other_ends_are_refused(house: House, days: str) -> None:
    visitor = house.sign_up("ann@example.com")
    visitor.get("/auth/api-keys")
    assert visitor.submit("/auth/api-keys", action="create", name="Robot", days=days).status_code == 400
    assert house.do(api_keys.listed, visitor.user()["id"]) == []


def test_who_makes_a_key_is_told_by_mail(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    make(visitor, name="Robot")
    mail = house.mail("ann@example.com")
    assert mail.kind == "factor_changed" and "API key “Robot”" in mail.text
    bob = house.sign_up("bob@example.com")
    house.do(users.set_locale, bob.user()["id"], "de")
    make(bob, name="Robot")
    assert "API-Schlüssel „Robot“" in house.mail("bob@example.com").text
    house.clock.advance(11 * 60)
    visitor.get("/auth/api-keys")
    assert "Is it still you?" in visitor.submit("/auth/api-keys", action="create", name="Thief").text


def test_what_there_is_too_much_of_is_named_and_no_wait_is_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "PER_USER", 1)
    monkeypatch.setattr(passkeys, "PER_USER", 0)
    monkeypatch.setattr(webhooks, "HOOKS", 0)
    monkeypatch.setattr(admission, "PENDING", 0)
    visitor = house.sign_up("ann@example.com")
    make(visitor, name="Robot")
    visitor.submit("/auth/api-keys", action="create", name="Another")
    assert visitor.alert == "An account has at most 1 API keys. Remove one first."
    visitor.get("/auth/api-keys?lang=de")
    visitor.submit("/auth/api-keys", action="create", name="Another")
    assert visitor.alert == "Ein Konto hat höchstens 1 API-Schlüssel. Entfernen Sie zuerst einen."
    answer = visitor.request("POST", "/auth/account/passkeys/options", json={}, headers={"origin": URL})
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_passkeys")
    assert "retry-after" not in answer.headers and "höchstens 0 Passkeys" in answer.json()["message"]
    with pytest.raises(AccountsError, match=r"There are at most 0 webhooks\. Remove one first"):
        house.accounts.webhooks.create("https://hooks.example/x", ["*"])
    with pytest.raises(AccountsError, match=r"At most 0 invitations can be open\. Withdraw one first"):
        house.accounts.invitations.create("bob@example.com")


def tick(visitor: Visitor, path: str) -> dict[str, str]:
    """What the page's form sends of its checkbox, left as it is."""
    box = re.search(r'<input type="checkbox" name="keys" value="1"( checked)?>', visitor.get(path).text)
    return {"keys": "1"} if box and box[1] else {}


def told_of_password(house: House) -> str:
    mail = house.mail("ann@example.com")
    assert mail.kind == "password_changed"
    return mail.text


def test_a_forgotten_password_takes_the_keys_along_and_says_so(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    secrets = [make(visitor, name=name) for name in ("Robot", "Other robot")]
    visitor.post("/auth/sign-out")
    visitor.get("/auth/reset")
    visitor.submit("/auth/reset", email="ann@example.com")
    page = visitor.submit("/auth/verify", code=house.code("ann@example.com"))
    assert "Your API keys end, too (2)." in page.text
    visitor.submit("/auth/new-password", password="a new sentence 88")
    assert visitor.session() is not None
    assert [works(house, secret) for secret in secrets] == [False, False]
    assert len(house.provider.ended_lately()) >= 2
    text = told_of_password(house)
    assert "API keys that ended with it: 2." in text and "go on working" not in text


def test_who_changes_the_password_is_asked_about_the_keys(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    assert "checkbox" not in visitor.get("/auth/account").text
    secret = make(visitor, name="Robot")
    assert "Also end your API keys (1). Otherwise they go on working." in visitor.get("/auth/account").text
    kept = tick(visitor, "/auth/account")
    assert kept == {}
    visitor.submit("/auth/account/password", password="a new sentence 88", **kept)
    assert works(house, secret)
    assert "API keys that go on working: 1. You can end them here: http" in told_of_password(house)
    visitor.get("/auth/account")
    visitor.submit("/auth/account/password", password="another sentence 99", keys="1")
    assert not works(house, secret) and visitor.session() is not None
    assert "API keys that ended with it: 1." in told_of_password(house)
    visitor.get("/auth/account")
    visitor.submit("/auth/account/password", password="a third sentence 77", keys="1")
    assert "API keys" not in told_of_password(house)


@pytest.mark.parametrize("action", ["everywhere", "others"])
def test_signing_out_everywhere_ends_the_keys_unless_one_says_otherwise(house: House, action: str) -> None:
    visitor = house.sign_up("ann@example.com")
    assert "checkbox" not in visitor.get("/auth/devices").text
    secret = make(visitor, name="Robot")
    asked = tick(visitor, "/auth/devices")
    assert asked == {"keys": "1"}
    visitor.submit("/auth/devices", action=action)
    assert works(house, secret)
    if action == "everywhere":
        visitor.sign_in("ann@example.com")
    visitor.get("/auth/devices")
    visitor.submit("/auth/devices", action=action, **asked)
    assert not works(house, secret)
    mail = house.mail("ann@example.com")
    assert mail.kind == "factor_changed" and "API keys (1)" in mail.text


def test_the_pages_ask_in_german_too(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor(language="de")
    visitor.sign_in("ann@example.com")
    make(visitor, name="Robot")
    for path in ("/auth/account", "/auth/devices"):
        assert "Auch Ihre API-Schlüssel beenden (1). Sonst gelten sie weiter." in visitor.get(path).text


def test_a_password_that_an_administrator_sets_ends_the_keys(house: House) -> None:
    secret = make(house.sign_up("ann@example.com"), name="Robot")
    house.accounts.users.update("ann@example.com", password="a new sentence 88")
    assert not works(house, secret)
    assert "API keys that ended with it: 1." in told_of_password(house)


def test_who_acts_as_somebody_cannot_end_the_keys(house: House) -> None:
    secret = make(house.sign_up("ann@example.com"), name="Robot")
    admin = house.visitor(address="192.0.2.1")
    admin.get(house.accounts.users.impersonate("ann@example.com").removeprefix(house.settings.url))
    admin.submit("/auth/impersonate")
    assert "checkbox" not in admin.get("/auth/devices").text
    assert admin.submit("/auth/devices", action="everywhere", keys="1").status_code == 403
    assert works(house, secret) and admin.session() is not None
