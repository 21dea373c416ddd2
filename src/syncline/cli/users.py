"""`syncline users`: who has an account, and what an administrator does with them."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import click

from syncline.kernel.errors import SetupError
from syncline.kernel.local_address import unix_path

from .options import data_option, json_option, settings_of

if TYPE_CHECKING:
    from syncline.client import AccountsClient
    from syncline.client.accounts import User
    from syncline.server.settings import Settings

_AT_ONCE = 500


@click.group(short_help="People who have an account.")
def users() -> None:
    """People who have an account, with the built-in ways to sign in.

    USER is an id, an external id or an e-mail address. The running server is asked, if there is one; sessions that end
    are over at once.

    \b
    syncline users list --search example.com
    syncline users create ann@example.com --name Ann
    syncline users ban ann@example.com
    syncline users import clerk-export.csv
    syncline users api POST /webhooks '{"url": "https://example.com/hook", "events": ["user.*"]}'
    """


@users.command("list", short_help="Show them.")
@click.option("--search", metavar="TEXT", default="", help="Only with this in their name or address.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, metavar="N", help="At most so many (default: 100)."
)
@json_option
@data_option
def list_users(search: str, limit: int, as_json: bool, **flags: object) -> int:
    """Show users: id, address, name, and what keeps them out."""
    with open_client(settings_of(flags)) as accounts:
        if as_json:
            click.echo(json.dumps(_raw(accounts, "/users", limit, {"search": search})))
            return 0
        for user in islice(accounts.users.list(search=search, page_size=min(limit, 1000)), limit):
            state = "  banned" if user.banned else "  locked" if user.locked else ""
            click.echo(f"{user.id}  {user.email or '-'}  {user.name}{state}".rstrip())
    return 0


@users.command(short_help="Show one.")
@click.argument("user")
@json_option
@data_option
def show(user: str, as_json: bool, **flags: object) -> int:
    """Show what is known of a user, with its sessions and without secrets."""
    with open_client(settings_of(flags)) as accounts:
        found = accounts.request("GET", f"/users/{quote(user, safe='@')}")
        found["sessions"] = _raw(accounts, "/sessions", 1000, {"user": found["id"]})
    _show(found, as_json)
    return 0


@users.command(short_help="Make one.")
@click.argument("email")
@click.option("--name", default="", help="What the user is called.")
@click.option("--password", is_flag=True, help="Ask for a password, or read it from a pipe.")
@json_option
@data_option
def create(email: str, name: str, password: bool, as_json: bool, **flags: object) -> int:
    """Make a user whose address counts as proved."""
    body = {"email": email, "name": name}
    if password:
        body["password"] = _ask_password()
    with open_client(settings_of(flags)) as accounts:
        made = accounts.request("POST", "/users", body=body)
    if as_json:
        _show(made, True)
    else:
        click.echo(f"made {made['id']}")
    return 0


def _simple(name: str, text: str, done: str) -> None:
    """A command that does one thing with a user: a method of `accounts.users`."""

    @users.command(name, short_help=text)
    @click.argument("user")
    @data_option
    def run(user: str, **flags: object) -> int:
        with open_client(settings_of(flags)) as accounts:
            result: User = getattr(accounts.users, name.replace("-", "_"))(user)
        click.echo(f"{done} {result.id}")
        return 0

    run.help = f"{text} USER is an id, an external id or an e-mail address."


_simple("ban", "Keep one out, and end all sessions.", "banned")
_simple("unban", "Let one in again.", "let in")
_simple("lock", "Keep one out for the time being.", "locked")
_simple("unlock", "Let one in again who was locked, or tried too many passwords.", "unlocked")
_simple("reset-second-step", "Turn off the second step of one who lost device and codes.", "turned off for")


@users.command(short_help="Delete one.")
@click.argument("user")
@data_option
def delete(user: str, **flags: object) -> int:
    """Delete USER with all that belongs to the account."""
    with open_client(settings_of(flags)) as accounts:
        click.echo(f"deleted {accounts.users.delete(user)}")
    return 0


@users.command(short_help="Make one user of two.")
@click.argument("user")
@click.option("--into", required=True, metavar="USER", help="Who the two are from now on.")
@click.option(
    "--wait",
    type=click.IntRange(0),
    default=60,
    metavar="S",
    help="Seconds to wait for documents (default: 60).",
)
@json_option
@data_option
def merge(user: str, into: str, wait: int, as_json: bool, **flags: object) -> int:
    """Give all that USER has to another user, and delete USER. It cannot be undone.

    Documents of the application follow in batches, by the running server, or the next one that runs.
    """
    with open_client(settings_of(flags)) as accounts:
        made = accounts.users.merge(user, into=into)
        if not as_json:
            click.echo(f"merged {made.source} into {made.target}")
        if _has_server(settings_of(flags)):
            made = accounts.merges.wait(made.source, seconds=wait)
    if as_json:
        click.echo(json.dumps(asdict(made), default=str))
        return 0
    if made.done_at is None:
        click.echo("documents of the application follow" + (f": {made.error}" if made.error else ""))
    else:
        click.echo(f"{made.moved:,} documents of the application moved, {made.stayed:,} stayed")
    for each in made.documents:
        click.echo(f"stayed: {each.table} {each.id}: {each.why}", err=True)
    return 0


@users.command(short_help="Act as one for a quarter of an hour.")
@click.argument("user")
@click.option("--reason", default="", help="Why, for the log.")
@data_option
def impersonate(user: str, reason: str, **flags: object) -> int:
    """Print an address that makes a session as USER, once, within ten minutes. The log tells of it."""
    with open_client(settings_of(flags)) as accounts:
        click.echo(accounts.users.impersonate(user, reason=reason))
    return 0


@users.command("import", short_help="Import them from Clerk.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@data_option
def import_users(file: Path, as_json: bool, **flags: object) -> int:
    """Import Clerk's export of users (CSV, or JSON of its API), with the hashes of their passwords.

    Their ids there become external ids. Who is there already is skipped, so an import can be repeated.
    """
    from syncline.accounts.importing import read_export

    rows, imported, without_password = read_export(file), 0, 0
    skipped: list[dict[str, str]] = []
    with open_client(settings_of(flags)) as accounts:
        for begin in range(0, len(rows), _AT_ONCE):
            report = accounts.users.import_rows(rows[begin : begin + _AT_ONCE])
            imported += report.imported
            without_password += report.without_password
            skipped += report.skipped
            if not as_json and len(rows) > _AT_ONCE:
                click.echo(f"{min(begin + _AT_ONCE, len(rows)):,} of {len(rows):,}", err=True)
    if as_json:
        total = {"imported": imported, "without_password": without_password, "skipped": skipped}
        click.echo(json.dumps(total))
        return 0
    click.echo(f"imported {imported:,} users")
    if without_password:
        click.echo(f"{without_password:,} of them have a password that cannot be checked here: they reset it")
    for each in skipped:
        click.echo(f"skipped {each['id']}: {each['why']}", err=True)
    return 0


@users.command("rotate-keys", short_help="Make a new key for tokens.")
@click.option("--revoke-now", is_flag=True, help="Use it at once, and refuse all tokens of the old ones.")
@data_option
def rotate_keys(revoke_now: bool, **flags: object) -> int:
    """Make a new signing key for access tokens. It is published today and signs from tomorrow on."""
    with open_client(settings_of(flags)) as accounts:
        key = accounts.signing_keys.rotate(revoke_now=revoke_now)
    click.echo(f"{key.id} ({key.algorithm}) signs from {_time(key.active_at)} on")
    return 0


@users.command(short_help="Show the log of security events.")
@click.option("--user", default="", help="Only of this user.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, metavar="N", help="At most so many (default: 100)."
)
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="N", help="Only what follows the event numbered N."
)
@json_option
@data_option
def audit(user: str, limit: int, after: int, as_json: bool, **flags: object) -> int:
    """Show security events, the oldest first: sign-ins, changes of passwords and factors, what administrators did."""
    with open_client(settings_of(flags)) as accounts:
        if as_json:
            click.echo(json.dumps(_raw(accounts, "/audit", limit, {"user": user, "after": str(after)})))
            return 0
        found = accounts.audit.list(user=user, after=after, page_size=min(limit, 1000))
        for each in islice(found, limit):
            actor = f" by {each.actor}" if each.actor else ""
            data = f" {json.dumps(each.data)}" if each.data else ""
            click.echo(f"{each.id}  {_time(each.at)}  {each.event}  {each.user or '-'}{actor}{data}")
    return 0


@users.command("api", short_help="Any other request.")
@click.argument("method", type=click.Choice(["GET", "POST", "PATCH", "DELETE"], case_sensitive=False))
@click.argument("path")
@click.argument("body", default="")
@json_option
@data_option
def api(method: str, path: str, body: str, as_json: bool, **flags: object) -> int:
    """Ask for anything below /auth/v1, such as GET /organizations, and print the answer. BODY is a JSON object."""
    try:
        given = json.loads(body) if body else None
    except ValueError as error:
        raise click.UsageError(f"the body must be a JSON object: {error}") from None
    if given is not None and not isinstance(given, dict):
        raise click.UsageError("the body must be a JSON object")
    place, _, query = path.partition("?")
    with open_client(settings_of(flags)) as accounts:
        target = "/" + place.removeprefix("/auth/v1").lstrip("/")
        _show(
            accounts.request(method.upper(), target, query=dict(parse_qsl(query)), body=given),  # pyright: ignore[reportUnknownArgumentType] - any JSON object
            as_json,
        )
    return 0


@contextmanager
def open_client(settings: Settings) -> Generator[AccountsClient]:
    """A client of the running server, or of the data folder if there is none. Raises SetupError, also for a refusal."""
    from syncline.client import AccountsClient, AccountsError, ConnectionLostError
    from syncline.server.admin_key import read_admin_key
    from syncline.server.endpoint import find_endpoint
    from syncline.server.local_accounts import open_accounts

    try:
        endpoint, key = find_endpoint(settings.data), read_admin_key(settings.data, os.environ)
        if endpoint is not None and key is not None and _answers(endpoint.url):
            with AccountsClient(endpoint.url, key, timeout=120.0, retries=2) as client:
                yield client
            return
        with open_accounts(settings, os.environ) as here:
            yield AccountsClient(transport=here)
    except AccountsError as error:
        raise SetupError(f"the request was refused: {error.message} ({error.code})") from None
    except ConnectionLostError as error:
        raise SetupError(str(error)) from None


def _has_server(settings: Settings) -> bool:
    from syncline.server.endpoint import find_endpoint

    endpoint = find_endpoint(settings.data)
    return endpoint is not None and _answers(endpoint.url)


def _answers(url: str) -> bool:
    """Whether somebody listens there. A server that is just stopping does not; if it still has the data, opening them says so."""
    address, path = urlsplit(url), unix_path(url)
    try:
        if path is None:
            socket.create_connection((address.hostname or "127.0.0.1", address.port or 80), 5.0).close()
        else:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(path)
    except OSError:
        return False
    return True


def _raw(accounts: AccountsClient, path: str, limit: int, query: dict[str, str]) -> list[Any]:
    """So many elements of a list as the server tells them."""
    found, query = list[Any](), {name: value for name, value in query.items() if value}
    while True:
        wanted = str(min(limit - len(found), 1000))
        page = accounts.request("GET", path, query={**query, "limit": wanted})
        found += page["data"]
        if page["next"] is None or len(found) >= limit:
            return found
        query["after"] = str(page["next"])


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    password = sys.stdin.read().removesuffix("\n")
    if not password:
        raise SetupError("no password came from the pipe", "leave out --password, or type it")
    return password


def _show(value: object, as_json: bool) -> None:
    click.echo(json.dumps(value, indent=None if as_json else 2, ensure_ascii=False))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


COMMANDS = (users,)
