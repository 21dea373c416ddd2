"""What the hosted pages offer besides their forms: languages, another mail, and what is said at once."""

from __future__ import annotations

import html
import re

from support.houses import House, Visitor


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
