"""Pages that somebody opens in Chromium before signing in: an application's own route, and the sign-in of a program."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.browser import OpenWindow
from support.logins import begun, code_of

from .conftest import AccountsServer
from .test_pages import PASSWORD, sign_up

pytestmark = pytest.mark.browser


def test_a_page_that_wants_to_know_who_looks_leads_to_the_sign_in_and_back(
    accounts: AccountsServer, open_window: OpenWindow
) -> None:
    first = open_window(f"{accounts.site}/auth/sign-up")
    sign_up(first.page, accounts.site, "reader@example.com", "Reader")
    window = open_window(f"{accounts.site}/report?month=5")
    page = window.page
    page.wait_for_url("**/auth/sign-in?redirect=%2Freport%3Fmonth%3D5")
    page.get_by_label("Email address").fill("reader@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{accounts.site}/report?month=5")
    expect(page.get_by_text("The report of reader@example.com")).to_be_visible()


def test_a_program_is_signed_in_by_the_code_that_it_shows(
    accounts: AccountsServer, open_window: OpenWindow, tmp_path: Path
) -> None:
    sign_up(open_window(f"{accounts.site}/auth/sign-up").page, accounts.site, "robot@example.com", "Ro")
    with begun(tmp_path, "login", "--url", accounts.site) as login:
        code = code_of(login)
        window = open_window(
            f"{accounts.site}/auth/device?code={code}", size=(390, 780), touch=True, dark=True
        )
        page = window.page
        page.get_by_label("Email address").fill("robot@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_label("Code")).to_have_value(code)
        page.get_by_label("Code").fill(code.lower().replace("-", " "))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("It will be signed in as robot@example.com")).to_be_visible()
        expect(page.get_by_text("syncline on ")).to_be_visible()
        expect(page.get_by_text("127.0.0.1")).to_be_visible()
        window.picture("accounts-program")
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", name="Allowed")).to_be_visible()
        said = login.communicate(timeout=60)[1]
    assert said.endswith(f"signed in at {accounts.site} as robot@example.com (Ro)\n")
    page.get_by_role("link", name="Devices and sessions").click()
    expect(page.get_by_text("syncline on ")).to_be_visible()
