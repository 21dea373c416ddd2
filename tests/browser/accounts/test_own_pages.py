"""An application's own route, opened in Chromium by somebody who is not signed in yet."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.browser import OpenWindow

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
    window.excuse("404")  # there is no icon beside a plain text
