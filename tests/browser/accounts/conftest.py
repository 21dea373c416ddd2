from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Server
from support.login_service import CLIENT, LoginService, login_service
from support.node import node_modules

__all__ = ["node_modules"]


@pytest.fixture(scope="module")
def service() -> Iterator[LoginService]:
    """Another service that people have an account at."""
    with login_service() as built:
        yield built


class AccountsServer(Server):
    """An application that signs people in, under the name that passkeys need."""

    def __init__(self, application: Path, data: Path) -> None:
        super().__init__(application, data, command="dev")
        self.site = f"http://localhost:{self.port}"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory, service: LoginService) -> Iterator[AccountsServer]:
    folder = tmp_path_factory.mktemp("accounts")
    backend = folder / "backend"
    backend.mkdir()
    (folder / "pyproject.toml").write_text("[tool.syncline]\n")
    (backend / "__init__.py").touch()
    (backend / "app.py").write_text(
        "from syncline import App\n"
        "from syncline.auth import Accounts, EmailCode, OpenIDSignIn, Passkey, Password\n\n"
        f"acme = OpenIDSignIn(name='acme', issuer={service.url!r}, client_id={CLIENT[0]!r}, client_secret={CLIENT[1]!r})\n"
        f"far = OpenIDSignIn(name='far', issuer='{service.url}/far', client_id={CLIENT[0]!r}, client_secret={CLIENT[1]!r})\n"
        "app = App(auth=[Password(), EmailCode(), Passkey(), acme, far, Accounts(name='Orchard')])\n"
    )
    (backend / "reports.py").write_text(
        "from starlette.requests import Request\n"
        "from starlette.responses import HTMLResponse, Response\n"
        "from syncline import ActionCtx, route\n\n"
        "@route('/report')\n"
        "async def report(ctx: ActionCtx, request: Request) -> Response:\n"
        "    who = ctx.auth.require().email\n"
        '    return HTMLResponse(f\'<!doctype html><link rel="icon" href="data:,"><p>The report of {who}</p>\')\n'
    )
    server = AccountsServer(folder, tmp_path_factory.mktemp("data"))
    server.start()
    yield server
    server.kill()
