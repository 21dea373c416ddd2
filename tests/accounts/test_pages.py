"""What the hosted pages offer besides their forms: languages, another mail, and what is said at once."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from support.houses import CHEAP, PASSWORD, House, Visitor, house
from syncline.accounts.texts import Texts
from syncline.auth import Accounts, Theme
from syncline.kernel.errors import SetupError
from syncline.kernel.proxies import read_networks


def switch(visitor: Visitor) -> dict[str, str]:
    """The addresses of the page at hand in other languages, by code."""
    found = re.findall(r'<a href="([^"]+)" lang="(\w+)"', visitor.last.text)
    return {code: html.unescape(address) for address, code in found}


def test_a_chosen_language_lasts(house: House) -> None:
    visitor = house.visitor()
    assert "Bei localhost:3210 anmelden" in visitor.get("/auth/sign-in?lang=de").text
    assert "Konto erstellen" in visitor.get("/auth/sign-up").text
    assert "keine E-Mail-Adresse" in visitor.submit("/auth/sign-in", email="x").text
    assert "Create your account" in visitor.get("/auth/sign-up?lang=en").text
    assert "Sign in to" in visitor.get("/auth/sign-in").text


def test_a_language_that_does_not_exist_changes_nothing(house: House) -> None:
    visitor = house.visitor(language="de")
    answer = visitor.get("/auth/sign-in?lang=xx")
    assert "Anmelden" in answer.text
    assert not any("syncline_lang" in cookie for cookie in answer.headers.get_list("set-cookie"))


def test_the_cookie_of_the_language_is_for_the_pages_alone(house: House) -> None:
    cookies = house.visitor().get("/auth/sign-in?lang=de").headers.get_list("set-cookie")
    [cookie] = [each for each in cookies if each.startswith("syncline_lang=de;")]
    assert {"HttpOnly", "Path=/auth", "SameSite=lax", "Max-Age=31536000"} <= set(cookie.split("; "))


def test_every_page_leads_to_itself_in_the_other_languages(house: House) -> None:
    visitor = house.visitor()
    visitor.get("/auth/sign-in?redirect=/notes&lang=en")
    assert switch(visitor) == {
        "de": "/auth/sign-in?redirect=%2Fnotes&lang=de",
        "en": "/auth/sign-in?redirect=%2Fnotes&lang=en",
    }
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    flow = visitor.hidden["flow"]
    visitor.submit("/auth/verify", code="1")
    assert switch(visitor)["de"] == f"/auth/verify?flow={flow}&lang=de"
    assert "Bitte E-Mails prüfen" in visitor.get(switch(visitor)["de"]).text
    ann = house.sign_up("ann@example.com")
    ann.get("/auth/account")
    ann.submit("/auth/account/delete", word="no")
    assert switch(ann)["de"] == "/auth/account?lang=de"
    ann.get("/auth/device")
    ann.submit("/auth/device/code", code="no")
    assert switch(ann)["de"] == "/auth/device?lang=de"


def test_the_word_that_confirms_a_deletion_is_set_off(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    assert "Write <kbd>delete</kbd> to confirm." in ann.get("/auth/account").text


def test_another_mail_is_sent_for_the_same_sign_up(house: House) -> None:
    visitor = house.visitor()
    visitor.get("/auth/sign-up?redirect=/notes")
    visitor.submit("/auth/sign-up", email="ann@example.com", password=PASSWORD, name="Ann")
    first = house.code("ann@example.com")
    assert "Only its code counts now" in visitor.submit("/auth/verify/again").text
    second = house.code("ann@example.com")
    assert len(house.mails("ann@example.com")) == 2
    if first != second:
        assert visitor.submit("/auth/verify", code=first).status_code == 400
    visitor.submit("/auth/verify", code=second)
    assert visitor.last.headers["location"] == "/notes"
    assert visitor.user()["name"] == "Ann"


def test_another_mail_is_as_rare_as_the_first_and_waits_are_said_in_minutes(house: House) -> None:
    visitor = house.visitor()
    visitor.get("/auth/sign-in")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    sent = 1
    while sent < 20 and visitor.submit("/auth/verify/again").status_code == 200:
        sent += 1
    assert re.fullmatch(r"Too many tries\. Please wait \d+ minutes\.", visitor.alert)
    assert len(house.mails("ann@example.com")) == sent < 20
    assert house.visitor().submit("/auth/verify/again", flow="x").status_code == 403


def test_short_waits_are_said_in_seconds() -> None:
    texts = Texts({})
    said = [texts.get("de", "error.too_many", seconds=seconds) for seconds in (1, 119, 120, 121, 1197)]
    assert [text.removeprefix("Zu viele Versuche. Bitte warten Sie ") for text in said] == [
        "1 Sekunden.",
        "119 Sekunden.",
        "2 Minuten.",
        "3 Minuten.",
        "20 Minuten.",
    ]


def test_a_ticket_that_is_over_is_refused_before_anybody_presses_a_button(house: House) -> None:
    house.sign_up("ann@example.com")
    url = house.accounts.users.impersonate("ann@example.com").removeprefix(house.settings.url)
    assert "Begin" in house.visitor().get(url).text
    assert house.visitor().get(url[:-1] + ("a" if url[-1] != "a" else "b")).status_code == 410
    assert house.visitor().get("/auth/impersonate").status_code == 410


def test_a_hop_that_speaks_for_others_without_being_trusted_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def visit(built: House, address: str, **headers: str) -> None:
        built.visitor(address=address).get("/auth/sign-in", **headers)

    proxies = read_networks("10.0.0.0/8")
    with house(
        tmp_path, CHEAP, url="https://a.example.com", production=True, trusted_proxies=proxies
    ) as built:
        visit(built, "10.0.0.5", **{"x-forwarded-for": "192.0.2.1"})
        visit(built, "192.0.2.2")
        assert "X-Forwarded-For" not in caplog.text
        for _ in range(3):
            for host in range(20):
                visit(built, f"172.16.0.{host}", **{"x-forwarded-for": "192.0.2.1"})
        assert caplog.text.count("If it is your proxy or your Next.js server") == 3
        assert "set SYNCLINE_TRUSTED_PROXIES=172.16.0.0\n" in caplog.text


@pytest.mark.parametrize(
    ("accent", "css"),
    [
        ("#4f46e5", "--accent: #4f46e5; --on-accent: #fff;"),
        ("#facc15", "--accent: #facc15; --on-accent: #101018;"),
        ("#fc0", "--accent: #fc0; --on-accent: #101018;"),
        ("rebeccapurple", "--accent: rebeccapurple; --radius"),
    ],
)
def test_words_on_the_accent_are_light_or_dark_whichever_is_read_better(
    tmp_path: Path, accent: str, css: str
) -> None:
    with house(tmp_path, CHEAP, Accounts(algorithm="ES256", theme=Theme(accent=accent))) as built:
        assert css in built.visitor().get("/auth/assets/theme.css").text
        mail = built.visitor(address="127.0.0.1").get("/auth/inbox/samples/reset").text
    assert f"background:{accent};color:{'#101018' if '#101018' in css else '#fff'}" in mail


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ({"sign_in.tittle": "x"}, "there is no text of this name (did you mean `sign_in.title`?)"),
        ({"sign_in.title": "x {nosuch}"}, "nothing fills {nosuch}\n  help: the places of this text: {app}"),
        ({"sign_in.title": "x {app"}, "write {{ and }} for braces that are meant"),
    ],
)
def test_texts_that_no_page_would_show_are_refused(texts: dict[str, str], what: str) -> None:
    with pytest.raises(SetupError) as refusal:
        Texts({"de": texts})
    assert what in str(refusal.value)


def fields(visitor: Visitor) -> dict[str, str]:
    """What browsers fill into the fields of the page at hand, by name."""
    inputs = [
        dict(re.findall(r'([\w-]+)="([^"]*)"', each))
        for each in re.findall(r"<input [^>]+>", visitor.last.text)
    ]
    return {each["name"]: each.get("autocomplete", "") for each in inputs if each["type"] != "hidden"}


def test_browsers_know_what_belongs_into_the_fields(house: House) -> None:
    visitor = house.visitor()
    visitor.get("/auth/sign-in")
    assert fields(visitor) == {"email": "username webauthn", "password": "current-password"}
    visitor.get("/auth/reset")
    assert fields(visitor) == {"email": "username"}
    visitor.submit("/auth/reset", email="ann@example.com")
    assert fields(visitor) == {"code": "one-time-code"}
    visitor.get("/auth/sign-up")
    assert fields(visitor) == {"name": "name", "email": "username", "password": "new-password"}
    ann = house.sign_up("ann@example.com")
    ann.get("/auth/account")
    assert fields(ann) == {
        "name": "name",
        "email": "email",
        "username": "username",
        "password": "new-password",
        "word": "off",
    }
    ann.get("/auth/reverify")
    assert fields(ann) == {"username": "username", "password": "current-password"}
    ann.get("/auth/account/totp")
    assert fields(ann) == {"code": "one-time-code"}


def test_the_field_that_is_wrong_says_so_and_has_the_focus(house: House) -> None:
    visitor = house.visitor()

    def focused() -> list[str]:
        return re.findall(r'<input id="(\w+)"[^>]* autofocus', visitor.last.text)

    visitor.get("/auth/sign-up")
    visitor.submit("/auth/sign-up", email="ann@example.com", password="short")
    assert focused() == ["password"]
    assert re.search(
        r'id="password"[^>]* aria-invalid="true"[^>]* aria-describedby="error password-hint"',
        visitor.last.text,
    )
    assert '<p class="alert" role="alert" id="error">' in visitor.last.text
    visitor.submit("/auth/sign-up", email="ann", password=PASSWORD)
    assert focused() == ["email"]
    visitor.get("/auth/sign-in")
    assert focused() == ["email"]
    visitor.submit("/auth/sign-in", email="ann@example.com", password="wrong")
    assert focused() == ["password"]
    assert "aria-invalid" not in visitor.last.text  # which of the two is wrong is not said


def test_the_account_leads_back_to_the_application(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    assert ann.get("/auth/account?redirect=/notes").text.count('href="/notes"') == 2
    for elsewhere in ("", "?redirect=https://evil.example", "?redirect=//evil.example"):
        assert '<a href="/"><span class="mark"' in ann.get(f"/auth/account{elsewhere}").text
    assert '<header class="brand">\n<span' in house.visitor().get("/auth/sign-in?redirect=/notes").text
