"""What `syncline login` and its relatives do: RFC 8628 from the program's side, and the file of logins."""

from __future__ import annotations

import base64
import json
import os
import platform
import sys
import time
import webbrowser
from typing import Any, cast
from urllib.parse import urlsplit

import click

from syncline.client import ConnectionLostError, StoredLogin
from syncline.client.errors import ClientError
from syncline.client.login_server import PENDING, Asked, LoginServer, Tokens
from syncline.client.logins import Login, Logins
from syncline.kernel.clock import SystemClock
from syncline.kernel.errors import SetupError
from syncline.server.endpoint import find_endpoint
from syncline.server.settings import Settings

from .failing import styled

_LONGEST_PAUSE = 60.0
_ENDED = {
    "access_denied": ("the login was refused in the browser", "syncline login begins another one"),
    "expired_token": ("nobody has allowed the login in time", "syncline login begins another one"),
    "invalid_grant": ("the server knows nothing of this login any more", "syncline login begins another one"),
}


def server_of(settings: Settings, given: str | None) -> str:
    """The address that a command without --url means. Raises SetupError."""
    if given is not None and settings.url is not None:
        return settings.url
    endpoint = find_endpoint(settings.data)
    if endpoint is not None and endpoint.url.startswith("http"):  # no socket of administrators alone
        return endpoint.url
    if settings.url is not None:
        return settings.url
    raise SetupError(
        f"no server is running on the data folder {settings.data}, and no other one is named",
        "start one (syncline dev), or say which: --url https://app.example.com",
    )


def log_in(url: str, *, browser: bool) -> int:
    """Ask, wait, and keep what there is in the end. Raises SetupError."""
    clock = SystemClock()
    server, logins = _server(url), Logins()
    try:
        asked = server.ask(f"syncline on {platform.node() or 'a computer'}")
    except ClientError as error:
        raise SetupError(str(error)) from None
    _warn_of_plain_http(url)
    _show(asked, opened=browser and _open(asked.page_with_code))
    tokens = _wait(server, asked)
    with logins.locked():
        former = logins.get(url)
        logins.put(url, Login(tokens.refresh_token or "", tokens.token, tokens.expires_at))
    if former is not None:
        _revoke(server, former)
    click.echo(f"signed in at {url} as {_name(claims_of(tokens.token))}", err=True)
    if tokens.expires_at < clock.wall_ns() / 1e9:
        click.echo("the clocks of this machine and of the server differ", err=True)
    return 0


def log_out(url: str) -> int:
    """End the login at the server, and forget it. Raises SetupError."""
    server, logins = _server(url), Logins()
    with logins.locked():
        login = _read(logins, url)
        if login is None:
            click.echo(f"nobody is signed in at {url}", err=True)
            return 0
        logins.remove(url)
    if not _revoke(server, login):
        click.echo(
            f"error: the login is forgotten here, but {url} did not answer: end it at {url}/auth/devices too",
            err=True,
        )
        return 1
    click.echo(f"signed out at {url}", err=True)
    return 0


def who_am_i(url: str, *, as_json: bool) -> int:
    """Print who is signed in, after asking for a new token: the login may have ended. Raises SetupError."""
    claims = claims_of(token_for(StoredLogin(url), refused=True))
    if as_json:
        facts = {name: claims.get(name) for name in ("sub", "email", "name", "sid")}
        click.echo(json.dumps({"url": url, **facts}))
    else:
        click.echo(_name(claims))
    return 0


def token_for(login: StoredLogin, *, refused: bool = False) -> str:
    """An access token of a login. Raises SetupError, which says what to do if nobody is signed in."""
    try:
        return login.token(refused)
    except ClientError as error:
        raise SetupError(str(error)) from None


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified: it comes from the server that is asked."""
    try:
        middle = token.split(".")[1]
        claims: object = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError):
        raise SetupError("the server gave a token that cannot be read") from None
    return cast("dict[str, Any]", claims) if isinstance(claims, dict) else {}


def _wait(server: LoginServer, asked: Asked) -> Tokens:
    """Ask as often as the server allows until there is an answer. Raises SetupError."""
    interval, deadline = asked.interval, time.monotonic() + asked.seconds
    while time.monotonic() < deadline:
        time.sleep(interval)
        try:
            answer = server.poll(asked)
        except ConnectionLostError:
            interval = min(2 * interval, _LONGEST_PAUSE)
            continue
        except ClientError as error:
            raise SetupError(str(error)) from None
        if isinstance(answer, Tokens):
            return answer
        if answer not in PENDING:
            raise SetupError(*_ENDED[answer])
        if answer == "slow_down":
            interval = min(interval + 5, _LONGEST_PAUSE)
    raise SetupError(*_ENDED["expired_token"])


def _show(asked: Asked, *, opened: bool) -> None:
    click.echo(f"\n  Address  {asked.page}\n  Code     {styled(asked.user_code, bold=True)}\n", err=True)
    what = "The browser is open. Check the code there" if opened else "Open the address, enter the code"
    click.echo(f"{what}, and allow it. Waiting ... (Ctrl-C ends it)", err=True)


def _open(address: str) -> bool:
    """Open the user's browser, if there is one beside this terminal: one that took the terminal would not help."""
    local = not (os.environ.get("SSH_CONNECTION") or os.environ.get("CI"))
    graphical = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    try:
        return local and graphical and webbrowser.open(address)
    except webbrowser.Error:
        return False


def _server(url: str) -> LoginServer:
    try:
        return LoginServer(url, SystemClock())
    except ClientError as error:
        raise SetupError(str(error)) from None


def _read(logins: Logins, url: str) -> Login | None:
    try:
        return logins.get(url)
    except ClientError as error:
        raise SetupError(str(error)) from None


def _revoke(server: LoginServer, login: Login) -> bool:
    try:
        server.revoke(login.refresh_token)
    except ClientError:
        return False
    return True


def _warn_of_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        click.echo(f"warning: {url} is not encrypted: whoever listens gets the login", err=True)


def _name(claims: dict[str, Any]) -> str:
    """What people call a user: the address, with the name if there is one."""
    email, name, subject = (_printable(claims.get(key)) for key in ("email", "name", "sub"))
    if email and name:
        return f"{email} ({name})"
    return email or name or subject


def _printable(value: object) -> str:
    return "".join(char for char in str(value or "")[:200] if char.isprintable())
