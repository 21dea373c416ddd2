"""The hosted pages in Chromium: with and without JavaScript, with a passkey, with a second step, everywhere signed out."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pyotp.totp import TOTP

from support.browser import PATIENCE, OpenWindow, Window
from support.login_service import LoginService

from .conftest import AccountsServer

pytestmark = pytest.mark.browser

PASSWORD = "a long sentence 77"
#: Answers that say no are no complaint about the page.
REFUSED = r"Failed to load resource: the server responded with a status of (400|401|403)"


def code_for(context: BrowserContext, site: str, email: str) -> str:
    """The code of the newest mail to this address, from the inbox."""
    inbox = context.new_page()
    inbox.goto(f"{site}/auth/inbox")
    found = re.search(r"\b\d{6}\b", inbox.locator(f"article[data-to='{email}'] h2").first.inner_text())
    inbox.close()
    assert found
    return found[0]


def sign_up(page: Page, site: str, email: str, name: str = "Ann") -> None:
    page.goto(f"{site}/auth/sign-up?redirect=/auth/account")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Code").fill(code_for(page.context, site, email))
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()


def sign_in(page: Page, site: str, email: str, password: str = PASSWORD) -> None:
    """By keyboard alone."""
    page.goto(f"{site}/auth/sign-in?redirect=/auth/account")
    expect(page.get_by_label("Email address")).to_be_focused()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_everything_but_passkeys_works_without_javascript(accounts: AccountsServer, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(PATIENCE * 1000)
    page, site, email = context.new_page(), accounts.site, "plain@example.com"
    sign_up(page, site, email)
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()

    page.get_by_label("Name").fill("Plain Jane")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Plain Jane")
    page.get_by_text("Change the password").click()
    page.get_by_placeholder("New password").fill("another long sentence")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Saved.")).to_be_visible()

    page.get_by_role("link", name="Set up an authenticator app").click()
    totp = TOTP(page.locator("code").inner_text().replace(" ", ""))
    page.get_by_label("Then enter the code").fill(totp.now())
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, site, email, "another long sentence")
    page.get_by_label("Code").fill(totp.at(time.time() + 30))  # each works once, and this moment's was used
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("10 backup codes are left")).to_be_visible()

    page.get_by_role("link", name="Organisations").click()
    page.get_by_label("Name").fill("Plain Growers")
    page.get_by_role("button", name="Create an organisation").click()
    page.get_by_role("link", name="Plain Growers").click()
    page.get_by_label("Email address").fill("friend@example.com")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("friend@example.com Invited, not accepted yet")).to_be_visible()

    page.goto(f"{site}/auth/account")
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("link", name="Set up an authenticator app")).to_be_visible()
    page.get_by_role("link", name="Devices and sessions").click()
    page.get_by_role("button", name="Sign out everywhere", exact=True).click()
    page.goto(f"{site}/auth/account")
    page.get_by_role("link", name="Forgot password?").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Send the mail").click()
    page.get_by_label("Code").fill(code_for(context, site, email))
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_label("New password").fill("a third long sentence")
    page.get_by_role("button", name="Save the new password").click()
    page.goto(f"{site}/auth/sign-out")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, site, email, "a third long sentence")
    expect(page.get_by_text(email)).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site}/auth/sign-in?redirect=/auth/account")
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Email me a code").click()
    page.get_by_label("Code").fill(code_for(context, site, email))
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_text(email)).to_be_visible()
    context.close()


def test_a_second_step_follows_the_password(accounts: AccountsServer, open_window: OpenWindow) -> None:
    window = open_window(f"{accounts.site}/auth/sign-up")
    page = window.page
    sign_up(page, accounts.site, "second@example.com")
    page.get_by_role("link", name="Set up an authenticator app").click()
    expect(page.get_by_alt_text("QR")).to_be_visible()
    window.picture("accounts-totp")
    totp = TOTP(page.locator("code").inner_text().replace(" ", ""))
    page.get_by_label("Then enter the code").fill(totp.now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    codes = page.locator(".codes li").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, accounts.site, "second@example.com")
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    window.picture("accounts-second-step")
    page.get_by_label("Code").fill("123456" if totp.now() != "123456" else "654321")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_have_text("This code is not right. Please look again.")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("9 backup codes are left")).to_be_visible()
    window.excuse(REFUSED)


def test_a_passkey_is_added_and_signs_in(accounts: AccountsServer, open_window: OpenWindow) -> None:
    window = open_window(f"{accounts.site}/auth/sign-up")
    page = window.page
    # The device would offer its passkey by itself as soon as the page is there, or a moment after the click.
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    devtools: Any = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_up(page, accounts.site, "key@example.com")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_text("Chrome, Linux", exact=False).first).to_be_visible()
    window.picture("accounts-account")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{accounts.site}/auth/sign-in?redirect=/auth/account")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    expect(page.get_by_text("last used")).to_be_visible()


def test_signing_out_everywhere_signs_other_browsers_out(
    accounts: AccountsServer, open_window: OpenWindow
) -> None:
    first = open_window(f"{accounts.site}/auth/sign-up")
    sign_up(first.page, accounts.site, "many@example.com")
    second = open_window(f"{accounts.site}/auth/sign-in")
    sign_in(second.page, accounts.site, "many@example.com")
    expect(second.page.get_by_text("many@example.com")).to_be_visible()
    first.page.get_by_role("link", name="Devices and sessions").click()
    expect(first.page.get_by_role("listitem")).to_have_count(2)
    first.picture("accounts-devices")
    first.page.evaluate("localStorage.setItem('notes', 'of many@example.com')")
    first.page.get_by_role("button", name="Sign out everywhere", exact=True).click()
    for window in (first, second):
        window.page.goto(f"{accounts.site}/auth/account")
        expect(window.page.get_by_role("heading", name="Sign in to Orchard")).to_be_visible()
    assert first.page.evaluate("localStorage.getItem('notes')") is None
    sign_in(first.page, accounts.site, "many@example.com")  # The page that followed is as good as any.
    expect(first.page.get_by_text("many@example.com")).to_be_visible()


@pytest.mark.parametrize("name", ["acme", "far"])
def test_another_service_signs_in(
    accounts: AccountsServer, service: LoginService, open_window: OpenWindow, name: str
) -> None:
    """Also one whose page is at an address that the policy of our page cannot know."""
    service.person = {
        "sub": f"{name}-1",
        "email": f"{name}@example.com",
        "email_verified": True,
        "name": "Ann of Acme",
    }
    service.lies = {"iss": f"{service.url}/far"} if name == "far" else {}
    service.clock = time.time()
    window = open_window(f"{accounts.site}/auth/sign-in?redirect=/auth/account")
    window.page.get_by_role("button", name=f"Continue with {name.title()}").click()
    expect(window.page.get_by_text(f"{name}@example.com").first).to_be_visible()
    expect(window.page.get_by_label("Name")).to_have_value("Ann of Acme")


def test_an_organisation_invites_somebody(accounts: AccountsServer, open_window: OpenWindow) -> None:
    window = open_window(f"{accounts.site}/auth/sign-up")
    page = window.page
    sign_up(page, accounts.site, "boss@example.com", "Boss")
    page.get_by_role("link", name="Organisations").click()
    page.get_by_label("Name").fill("Apple Growers")
    page.get_by_role("button", name="Create an organisation").click()
    expect(page.get_by_role("link", name="Apple Growers")).to_be_visible()
    window.picture("accounts-organisations")
    page.get_by_role("link", name="Apple Growers").click()
    page.get_by_label("Email address").fill("picker@example.com")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("Invited, not accepted yet")).to_be_visible()
    window.picture("accounts-organisation")
    inbox = page.context.new_page()
    inbox.goto(f"{accounts.site}/auth/inbox")
    link = inbox.locator("article[data-to='picker@example.com'] pre a").first.get_attribute("href")
    assert link
    guest = open_window(link)
    expect(guest.page.get_by_role("link", name="Sign up")).to_be_visible()
    guest.picture("accounts-invitation")
    guest.page.get_by_role("link", name="Sign up").click()
    guest.page.get_by_label("Password").fill(PASSWORD)
    guest.page.get_by_role("button", name="Create account").click()
    guest.page.get_by_label("Code").fill(code_for(guest.page.context, accounts.site, "picker@example.com"))
    guest.page.get_by_role("button", name="Continue", exact=True).click()
    guest.page.get_by_role("button", name="Accept the invitation").click()
    expect(guest.page.get_by_role("link", name="Apple Growers")).to_be_visible()


PAGES = (
    "sign-in",
    "sign-up",
    "reset",
    "sign-out",
    "account",
    "devices",
    "organizations",
    "api-keys",
    "reverify",
    "inbox",
    "inbox/samples",
)
LOOKS = {
    "desktop": {"size": (1180, 760)},
    "phone": {"size": (390, 780), "touch": True},
    "desktop-dark": {"size": (1180, 760), "dark": True},
    "phone-dark": {"size": (390, 780), "touch": True, "dark": True},
}


@pytest.mark.parametrize("look", LOOKS)
def test_pages_fit_and_are_labelled(accounts: AccountsServer, open_window: OpenWindow, look: str) -> None:
    options = LOOKS[look]
    window = open_window(f"{accounts.site}/auth/sign-in", **options)  # type: ignore[arg-type]  # of its keywords
    for name in PAGES[:3]:
        check(window, accounts.site, name, look)
    sign_up(window.page, accounts.site, f"{look}@example.com", "Ann Example")
    for name in PAGES[3:]:
        check(window, accounts.site, name, look)


def check(window: Window, site: str, name: str, look: str) -> None:
    """A page is as wide as its window, and who cannot see it is told what everything is."""
    page = window.page
    page.goto(f"{site}/auth/{name}")
    window.picture(f"accounts-{name.replace('/', '-')}-{look}")
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name} is wider than its window by {wide}"
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    nameless: list[str] = page.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]):not([hidden]), select, button')]"
        ".filter((each) => !(each.labels?.length || each.textContent.trim() || each.ariaLabel)).map((each) => each.outerHTML)"
    )
    assert nameless == []
    faint: list[str] = page.evaluate(CONTRAST)
    assert faint == []


#: Texts whose contrast with what is behind them is below 4.5.
CONTRAST = """
(() => {
  const channels = (text) => { const c = document.createElement('canvas').getContext('2d'); c.fillStyle = text; c.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = c.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (each) => { for (let at = each; at; at = at.parentElement) {
    const found = channels(getComputedStyle(at).backgroundColor); if (found[3] > 0.95) return found; } return [255, 255, 255, 1]; };
  const faint = [];
  for (const each of document.querySelectorAll('h1, h2, p, a, label, button, span, li, summary, input')) {
    if (!each.checkVisibility() || ![...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const a = light(channels(getComputedStyle(each).color)), b = light(behind(each));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${each.textContent.trim().slice(0, 40)}`);
  }
  return faint;
})()
"""
