"""Clerk's React package and `convex/react-clerk`, as they are, in a page whose backend takes Clerk's tokens.

Clerk's servers are not asked. What its package fetches from them is answered here: the script that knows who is signed in,
by tests/js/clerk_script.js, and tokens, which are signed by a local key.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from support.applications import write_application
from support.browser import Windows
from support.issuers import LocalIssuer, clerk_token
from support.processes import serving

FRONTEND_API = "verb-noun-00.clerk.accounts.dev"
KEY = f"pk_test_{base64.b64encode(f'{FRONTEND_API}$'.encode()).decode()}"
BACKEND = {
    "__init__": "",
    "app": """
        import os

        from syncline import App
        from syncline.auth import Clerk

        app = App(auth=[Clerk(domain=os.environ["CLERK_DOMAIN"])])
    """,
    "who": """
        from syncline import QueryCtx, query


        @query
        def am_i(ctx: QueryCtx) -> str:
            return ctx.auth.require().subject
    """,
}


@dataclass
class Clerk:
    """Clerk's Frontend API. `minted` has the tokens that were asked for: session, template, whether a fresh one was wanted."""

    site: str
    issuer: LocalIssuer
    script: str
    minted: list[tuple[str, str, bool]] = field(default_factory=list[tuple[str, str, bool]])

    def answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        steps = address.path.split("/")
        if "clerk-js@" in address.path:
            route.fulfill(content_type="text/javascript", body=self.script)
        elif "ui@" in address.path:
            route.fulfill(content_type="text/javascript", body="globalThis.__internal_ClerkUICtor = class {}")
        elif steps[1:4] == ["v1", "client", "sessions"]:
            template = steps[6] if len(steps) > 6 else ""
            self.minted.append((steps[4], template, address.query == "fresh"))
            headers = {"access-control-allow-origin": "*"}
            route.fulfill(headers=headers, body=json.dumps({"jwt": self.token(steps[4], template)}))
        else:
            route.abort()

    def token(self, session: str, template: str) -> str:
        # Eve's application has no integration with Convex, but a template of that name, as there was before it.
        audience = "convex" if template or session != "sess_eve" else None
        user = session.replace("sess", "user")
        return clerk_token(self.issuer.url, time.time(), sub=user, sid=session, aud=audience)


@pytest.fixture
def clerk(tmp_path: Path, node_modules: Path) -> Iterator[Clerk]:
    write_application(tmp_path, **BACKEND)
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(
        '<!doctype html><title>Clerk</title><link rel="icon" href="data:,">'
        f'<body data-key="{KEY}"><script src="/main.js"></script>'
    )
    bundle = ["node_modules/.bin/esbuild", "clerk_page.mjs", "--bundle", f"--outfile={site / 'main.js'}"]
    subprocess.run(
        [*bundle, "--log-level=error", '--define:process.env.NODE_ENV="production"'],
        cwd=node_modules,
        check=True,
    )
    script = (node_modules / "clerk_script.js").read_text()
    with (
        LocalIssuer().running() as issuer,
        serving(tmp_path, "dev", "--site", str(site), variables={"CLERK_DOMAIN": issuer.url}) as server,
    ):
        yield Clerk(server.url, issuer, script)


@pytest.fixture
def page(clerk: Clerk, windows: Windows) -> Page:
    return windows.open(
        clerk.site, before=lambda page: page.route(f"https://{FRONTEND_API}/**", clerk.answer)
    ).page


@pytest.mark.node
def test_its_provider_signs_people_in_over_and_out(clerk: Clerk, page: Page) -> None:
    shown = page.get_by_role("paragraph")
    expect(shown).to_have_text("signed out")
    page.get_by_role("button", name="Ada").click()
    expect(shown).to_have_text("user_ada")
    page.get_by_role("button", name="Eve").click()
    expect(shown).to_have_text("user_eve")
    page.get_by_role("button", name="Out").click()
    expect(shown).to_have_text("signed out")
    assert ("sess_ada", "", True) in clerk.minted, (
        "the client asks for a fresh token once the first is confirmed"
    )
    assert ("sess_eve", "convex", True) in clerk.minted, (
        "without the integration the token is of the template"
    )
    assert {session for session, _, _ in clerk.minted} == {"sess_ada", "sess_eve"}
