"""`syncline login`, `logout` and `whoami`: who this user is at a server."""

from __future__ import annotations

import click

from .options import data_option, json_option, settings_of, user_url_option


@click.command(short_help="Sign in at a server, in the browser.")
@click.option("--no-browser", is_flag=True, help="Open none: print the address only.")
@user_url_option("The server to sign in at.")
@data_option
def login(no_browser: bool, url: str | None, **flags: object) -> int:
    """Sign in at a server: prints an address and a code, opens the browser, and waits until you have allowed it there.

    \b
    syncline login
    syncline login --url https://app.example.com
    syncline run --url https://app.example.com messages:send '{"body": "hello"}'

    Without --url it is the running server of the data folder, or the setting `url`. The login is kept in
    ~/.config/syncline/logins.json, which only you can read, and is among your devices at /auth/devices.
    """
    from .logging_in import log_in, server_of

    return log_in(server_of(settings_of({**flags, "url": url}), url), browser=not no_browser)


@click.command(short_help="End the login at a server.")
@user_url_option("The server to sign out at.")
@data_option
def logout(url: str | None, **flags: object) -> int:
    """End the login at a server, there and here. Tokens of it are refused from that moment.

    \b
    syncline logout
    syncline logout --url https://app.example.com
    """
    from .logging_in import log_out, server_of

    return log_out(server_of(settings_of({**flags, "url": url}), url))


@click.command(short_help="Show who is signed in at a server.")
@user_url_option("The server to ask.")
@json_option
@data_option
def whoami(url: str | None, as_json: bool, **flags: object) -> int:
    """Print who is signed in at a server, after asking it: a login may have been ended in the browser.

    \b
    syncline whoami
    syncline whoami --url https://app.example.com --json
    """
    from .logging_in import server_of, who_am_i

    return who_am_i(server_of(settings_of({**flags, "url": url}), url), as_json=as_json)


COMMANDS = (login, logout, whoami)
