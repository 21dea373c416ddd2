"""A page with React that follows its user's organisations: another active one, another role, a membership that ends."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.applications import write_application
from support.browser import Windows
from support.todo import Person, TodoServer
from syncline.client import AccountsClient
from syncline.server.admin_key import read_admin_key

pytestmark = pytest.mark.browser

BACKEND = {
    "app": """
        from syncline import App
        from syncline.auth import Accounts, Password

        app = App(auth=[Password(memory_kib=8192, passes=1), Accounts(algorithm="ES256")])
    """,
    "who": """
        from syncline import OrganizationMember, QueryCtx, query

        @query(anonymous=True)
        def acts(ctx: QueryCtx) -> str:
            identity = ctx.auth.identity
            if identity is None:
                return "nobody"
            active = identity.claims.get("o")
            return f"{active['slg']} as {active['rol']}" if active else "for herself"

        @query(anonymous=True)
        def roles(ctx: QueryCtx) -> str:
            return " ".join(sorted(each.role for each in ctx.db.query(OrganizationMember)))
    """,
}
#: `seen` is all that the backend was heard to say; who is signed out for a moment would be nobody there.
PAGE = """
import { createElement as h } from "react";
import { createRoot } from "react-dom/client";
import { ConvexReactClient, useConvexAuth, useQuery } from "convex/react";
import { anyApi } from "convex/server";
import { createAuthClient } from "./dist/index.js";
import {
  ConvexProviderWithSyncline, OrganizationSwitcher, Show, SynclineAuthProvider, useAuth, useOrganization,
} from "./dist/react.js";

const auth = createAuthClient();
const convex = new ConvexReactClient(location.origin);
const seen = (window.seen = []);

function Main() {
  const { organization } = useOrganization();
  const { orgRole, isSignedIn } = useAuth();
  const { isAuthenticated } = useConvexAuth();
  const acts = useQuery(anyApi.who.acts, isAuthenticated ? {} : "skip");
  if (acts && seen.at(-1) !== acts) seen.push(acts);
  return h("main", null,
    h("p", { id: "backend" }, acts),
    h("p", { id: "roles" }, useQuery(anyApi.who.roles)),
    h("p", { id: "hooks" }, isSignedIn ? `${organization?.slug ?? "none"} ${orgRole ?? "none"}` : "signed out"),
    h("p", { id: "shown" }, h(Show, { when: { role: "admin" }, fallback: "for members" }, "for administrators")),
    h(OrganizationSwitcher));
}

createRoot(document.body).render(
  h(SynclineAuthProvider, { client: auth }, h(ConvexProviderWithSyncline, { client: convex }, h(Main))),
);
"""


@pytest.fixture(scope="module")
def server(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TodoServer]:
    folder = tmp_path_factory.mktemp("organizations")
    write_application(folder, **BACKEND)
    (folder / "pyproject.toml").write_text('[tool.syncline]\nsite = "site"\n')
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text(
        '<!doctype html><title>Organisations</title><link rel="icon" href="data:,"><body>'
        '<script src="/main.js"></script>'
    )
    # Bundled in the package's folder, so that the page and the package share one React.
    bundle = ["node_modules/.bin/esbuild", "--bundle", "--loader=js", "--log-level=error"]
    options = ['--define:process.env.NODE_ENV="production"', f"--outfile={folder / 'site' / 'main.js'}"]
    subprocess.run([*bundle, *options], cwd=package, input=PAGE, text=True, check=True)
    built = TodoServer(tmp_path_factory.mktemp("data"), folder)
    built.start()
    yield built
    built.kill()


def says(page: Page, **expected: str) -> None:
    for name, text in expected.items():
        expect(page.locator(f"#{name}")).to_have_text(text)


def test_hooks_and_live_queries_follow_without_a_reload(server: TodoServer, windows: Windows) -> None:
    ada = Person(server, windows.open(f"{server.site}/auth/sign-up"), "ada@example.com")
    ada.register()
    page = ada.page
    says(page, backend="for herself", roles="", hooks="none none", shown="for members")
    key = read_admin_key(server.data / "db", {})
    with AccountsClient(server.url, key) as accounts:
        eve = accounts.users.create(email="eve@example.com")
        acme, orchard = (accounts.organizations.create(name, user=eve.id) for name in ("Acme", "Orchard"))
        for each, role in (acme, "editor"), (orchard, "admin"):
            accounts.organizations.members.add(each.id, ada.email, role=role)
        says(page, roles="admin admin admin editor")
        # A tab that was open learns of another organisation to choose when somebody looks at it again.
        page.reload()
        choice = page.get_by_label("Organisation")
        for label, backend, hooks, shown in (
            ("Acme", "acme as editor", "acme editor", "for members"),
            ("Orchard", "orchard as admin", "orchard admin", "for administrators"),
        ):
            choice.select_option(label=label)
            says(page, backend=backend, hooks=hooks, shown=shown)
        page.evaluate("window.mark = true")
        accounts.organizations.members.set_role(orchard.id, ada.email, "member")
        says(page, backend="orchard as member", hooks="orchard member", shown="for members")
        accounts.organizations.members.set_role(orchard.id, ada.email, "admin")
        says(page, backend="orchard as admin", hooks="orchard admin", shown="for administrators")
        accounts.organizations.members.remove(orchard.id, ada.email)
        says(page, backend="for herself", hooks="none none", shown="for members", roles="admin editor")
        expect(choice.get_by_role("option")).to_have_text(["Personal", "Acme"])
        accounts.organizations.delete(acme.id)
        says(page, roles="")
    seen: list[Any] = page.evaluate("seen")
    assert seen == [
        "for herself",
        "acme as editor",
        "orchard as admin",
        "orchard as member",
        "orchard as admin",
        "for herself",
    ]
    assert page.evaluate("window.mark") is True
