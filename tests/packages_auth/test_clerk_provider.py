"""`convex/react-clerk` as it is, in a page that Clerk's hook has signed somebody in to: its tokens come from a local key set.

Clerk's own script needs Clerk's servers. The hook that stands in for it has the shape that the provider asks for.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.applications import write_application
from support.browser import REPOSITORY, Windows
from support.issuers import LocalIssuer, clerk_token
from support.processes import serving

PACKAGES = REPOSITORY / "examples" / "chat-react" / "node_modules"
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
MAIN = """
import { createElement as h, useState } from "react";
import { createRoot } from "react-dom/client";
import { Authenticated, AuthLoading, ConvexReactClient, Unauthenticated, useQuery } from "convex/react";
import { ConvexProviderWithClerk } from "convex/react-clerk";
import { anyApi } from "convex/server";

const client = new ConvexReactClient(location.origin);
let change = () => {};

function useAuth() {
  const [session, setSession] = useState(null);
  change = setSession;
  return {
    isLoaded: true,
    isSignedIn: session !== null,
    sessionId: session,
    orgId: null,
    orgRole: null,
    sessionClaims: session && { aud: "convex" },
    getToken: ({ skipCache }) => globalThis.mint(session, skipCache === true),
  };
}

const Who = () => h("p", null, useQuery(anyApi.who.am_i) ?? "...");

createRoot(document.body).render(
  h(ConvexProviderWithClerk, { client, useAuth },
    h(AuthLoading, null, h("p", null, "loading")),
    h(Unauthenticated, null, h("p", null, "signed out")),
    h(Authenticated, null, h(Who)),
    h("button", { onClick: () => change("sess_ada") }, "Ada"),
    h("button", { onClick: () => change("sess_eve") }, "Eve"),
    h("button", { onClick: () => change(null) }, "Out"),
  ),
);
"""


@dataclass
class Clerk:
    """Where tokens come from. `minted` has who got one, and whether a fresh one was asked for."""

    site: str
    issuer: LocalIssuer
    minted: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])

    def mint(self, session: str, fresh: bool) -> str:
        self.minted.append((session, fresh))
        return clerk_token(self.issuer.url, time.time(), sub=session.replace("sess", "user"), sid=session)


@pytest.fixture
def clerk(tmp_path: Path) -> Iterator[Clerk]:
    write_application(tmp_path, **BACKEND)
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(
        '<!doctype html><title>Clerk</title><link rel="icon" href="data:,"><body><script src="/main.js"></script>'
    )
    (site / "main.mjs").write_text(MAIN)
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    bundle = [
        str(PACKAGES / ".bin" / "esbuild"),
        "main.mjs",
        "--bundle",
        "--outfile=main.js",
        "--log-level=error",
    ]
    subprocess.run(bundle, cwd=site, check=True)
    with (
        LocalIssuer().running() as issuer,
        serving(tmp_path, "dev", "--site", str(site), variables={"CLERK_DOMAIN": issuer.url}) as server,
    ):
        yield Clerk(server.url, issuer)


@pytest.fixture
def page(clerk: Clerk, windows: Windows) -> Page:
    def lend(page: Page) -> None:
        # Playwright's own types leave open what the function gives.
        page.expose_function("mint", clerk.mint)  # pyright: ignore[reportUnknownMemberType]  # see above

    return windows.open(clerk.site, before=lend).page


def test_its_provider_signs_people_in_over_and_out(clerk: Clerk, page: Page) -> None:
    shown = page.get_by_role("paragraph")
    expect(shown).to_have_text("signed out")
    page.get_by_role("button", name="Ada").click()
    expect(shown).to_have_text("user_ada")
    page.get_by_role("button", name="Eve").click()
    expect(shown).to_have_text("user_eve")
    page.get_by_role("button", name="Out").click()
    expect(shown).to_have_text("signed out")
    assert {session for session, _ in clerk.minted} == {"sess_ada", "sess_eve"}
    assert ("sess_ada", True) in clerk.minted, "the client asks for a fresh token once the first is confirmed"
