"""Every hosted page in every state, looked at by axe-core: in both languages, light and dark, with and without errors."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext
from pyotp.totp import TOTP

from support.accessibility import WCAG, Axe
from support.browser import PATIENCE
from support.login_service import LoginService
from support.page_walk import Walk
from syncline.accounts.rendering import FOLDER

from .conftest import AccountsServer
from .test_pages import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.node]

#: Templates that are parts of the others.
PARTS = {"base.html", "parts.html"}


def signing_in(walk: Walk) -> None:
    walk.go("sign-in?redirect=/auth/account")
    walk.look("sign_in.html")
    walk.send(email="nobody", password="x")
    walk.look("sign_in.html", alert=True)
    walk.send(email=walk.email, password="not it at all")
    walk.look("sign_in.html", alert=True)
    walk.send("button[value=code]", email=f"guest-{walk.email}")
    walk.send("button.link")
    walk.look("verify.html")  # another code is on its way
    walk.send("button.link")
    walk.look("verify.html", alert=True)  # too often
    walk.go("nothing")
    walk.look("notice.html")


def signing_up(walk: Walk) -> None:
    walk.go("sign-up?redirect=/auth/account")
    walk.look("sign_up.html")
    walk.send(email=walk.email, password="short")
    walk.look("sign_up.html", alert=True)
    walk.send(email="nobody", password=PASSWORD)
    walk.look("sign_up.html", alert=True)
    walk.send(email=walk.email, password=PASSWORD)
    walk.send(code="000000")
    walk.look("verify.html", alert=True)
    walk.page.goto(walk.link())
    walk.look("link.html")
    walk.send()


def another_browser(walk: Walk) -> None:
    """The mail for a new password is opened elsewhere."""
    walk.go("reset")
    walk.send(email="nobody")
    walk.look("reset.html", alert=True)
    walk.send(email=walk.email)
    browser = walk.context.browser
    assert browser is not None
    with opened(browser, walk.language, "light") as context:
        there = replace(walk, context=context)
        there.page.goto(walk.link())
        there.look("elsewhere.html")
    walk.send(code=walk.code())
    walk.send(password="short")
    walk.look("new_password.html", alert=True)
    walk.send(password=PASSWORD)


def by_another_service(walk: Walk, service: LoginService) -> None:
    """One that tells no address."""
    service.person = {"sub": "nameless"}
    service.clock = time.time()
    walk.go("sign-in")
    walk.page.locator("form[action$='acme/start'] button").click()
    walk.page.wait_for_url("**/auth/connect*")
    walk.look("connect.html")
    walk.send(email="nobody")
    walk.look("connect.html", alert=True)


def account(walk: Walk) -> None:
    walk.go("account")
    walk.send("form[action$=profile] button", name="Ann")
    walk.unfold()
    walk.look("account.html")  # saved
    walk.send("form[action$='account/password'] button", password="short")
    walk.look("account.html", alert=True)
    walk.go("sign-out")
    walk.look("sign_out.html")
    walk.go("devices")
    walk.look("devices.html")
    walk.go("reverify?redirect=/auth/account")
    walk.send("button[value=password]", password="not it at all")
    walk.look("reverify.html", alert=True)
    walk.go("account")
    walk.stay("oauth/far/start")
    walk.send("form[action$='far/start'] button")
    walk.look("onward.html")


def organizations(walk: Walk) -> None:
    walk.go("organizations")
    walk.send("button[value=create]", name="")
    walk.look("organizations.html", alert=True)
    walk.send("button[value=create]", name="Growers")
    walk.look("organizations.html")
    walk.page.get_by_role("link", name="Growers").click()
    walk.page.wait_for_url("**/organizations/org_*")
    here = walk.page.url
    walk.administer(f"organizations/{here.rpartition('/')[2]}/members", user=f"guest-{walk.email}")
    walk.send("button[value=invite]", email="nobody")
    walk.look("organization.html", alert=True)
    walk.send("button[value=invite]", email=f"friend-{walk.email}")
    walk.look("organization.html")
    walk.page.goto(walk.link(f"friend-{walk.email}"))
    walk.look("invitation.html", alert=True)  # for somebody else


def api_keys(walk: Walk) -> None:
    walk.go("api-keys")
    walk.send("button[value=create]", name="")
    walk.look("api_keys.html", alert=True)
    walk.send("button[value=create]", name="A robot")
    walk.look("api_keys.html")  # with the secret


def programs(walk: Walk) -> None:
    code = walk.ask_as_a_program()
    walk.go("device")
    walk.send(code="AAAA-AAAA")
    walk.look("device.html", alert=True)
    walk.send(code=code)
    walk.look("device_confirm.html")
    walk.send("button[value=allow]")
    walk.look("device_done.html")


def second_step(walk: Walk) -> None:
    walk.go("account/totp")
    walk.send(code="000000")
    walk.look("totp.html", alert=True)
    walk.send(code=TOTP(walk.page.locator("code").inner_text().replace(" ", "")).now())
    walk.look("backup_codes.html")
    code = walk.page.locator(".codes code").first.inner_text()
    walk.go("account")
    walk.look("account.html")
    walk.go("reverify")
    walk.look("reverify.html")
    walk.sign_out()
    walk.go("sign-in?redirect=/auth/account")
    walk.send(email=walk.email, password=PASSWORD)
    walk.send(code="000000")
    walk.look("mfa.html", alert=True)
    walk.send(code=code)
    walk.sign_out()


def guests(walk: Walk) -> None:
    guest = f"guest-{walk.email}"
    walk.page.goto(walk.link(f"friend-{walk.email}"))
    walk.look("invitation.html")
    walk.page.goto(walk.administer(f"users/{guest}/impersonate", reason="a look")["url"])
    walk.look("impersonate.html")
    walk.send()
    walk.go("account")
    walk.look("account.html")  # below the banner


def inbox(walk: Walk) -> None:
    walk.go("inbox/samples")
    walk.look("mail_samples.html")
    walk.go("inbox")
    walk.look("inbox.html")
    walk.page.locator("article a").first.click()
    walk.page.wait_for_url(re.compile(r"/inbox/\d+$"))
    assert walk.axe.complaints(walk.page, WCAG) == []


@contextmanager
def opened(browser: Browser, language: str, scheme: Literal["light", "dark"]) -> Generator[BrowserContext]:
    """A browser of its own, for somebody who has made everything four times as large.

    Nothing moves in it: a colour on its way is neither the one nor the other.
    """
    context = browser.new_context(
        locale=language,
        reduced_motion="reduce",
        color_scheme=scheme,
        viewport={"width": 320, "height": 256},
    )
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    context.close()


def test_every_page_can_be_used_by_everybody(
    accounts: AccountsServer, service: LoginService, browser: Browser, node_modules: Path
) -> None:
    axe = Axe(node_modules / "node_modules")
    with opened(browser, "en", "light") as context:
        walk = Walk(accounts, accounts.site, "Orchard", context, axe, "en")
        by_another_service(walk, service)
        walk.administer("users", email=f"guest-{walk.email}")
        for part in (signing_in, signing_up, account, organizations, api_keys, programs):
            part(walk)
        walk.sign_out()
        for part in (another_browser, second_step, guests, inbox):
            part(walk)
    assert walk.complaints == []
    assert walk.seen == {each.name for each in FOLDER.glob("*.html")} - PARTS


def test_every_page_can_be_used_by_everybody_in_german_and_in_the_dark(
    accounts: AccountsServer, browser: Browser, node_modules: Path
) -> None:
    axe = Axe(node_modules / "node_modules")
    with opened(browser, "de", "dark") as context:
        walk = Walk(accounts, accounts.site, "Orchard", context, axe, "de")
        walk.go("sign-in")
        walk.look("sign_in.html")
        signing_up(walk)
        for path in (
            "account",
            "devices",
            "organizations",
            "api_keys",
            "reverify",
            "device",
            "sign_out",
            "totp",
        ):
            walk.go({"totp": "account/totp"}.get(path, path.replace("_", "-")))
            walk.unfold()
            walk.look(f"{path}.html")
        walk.send(code="000000")
        walk.look("totp.html", alert=True)
    assert walk.complaints == []
