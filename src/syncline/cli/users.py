"""`syncline users`: who has an account, and what an administrator does with them."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncline.kernel.errors import SetupError

from .options import data_option, json_option, settings_of

if TYPE_CHECKING:
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
    syncline users do webhooks.create '{"url": "https://example.com/hook", "events": ["user.*"]}'
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
    settings, found, after = settings_of(flags), list[dict[str, Any]](), ""
    while len(found) < limit:
        page = administer(
            settings, "users.list", search=search, after=after, limit=min(limit - len(found), 1000)
        )
        if not page:
            break
        found += page
        after = page[-1]["id"]
    if as_json:
        click.echo(json.dumps(found))
    for user in [] if as_json else found:
        state = "  banned" if user["banned"] else "  locked" if user["locked"] else ""
        click.echo(f"{user['id']}  {user['email'] or '-'}  {user['name']}{state}".rstrip())
    return 0


@users.command(short_help="Show one.")
@click.argument("user")
@json_option
@data_option
def show(user: str, as_json: bool, **flags: object) -> int:
    """Show what is known of a user, without secrets."""
    _show(administer(settings_of(flags), "users.show", user=user), as_json)
    return 0


@users.command(short_help="Make one.")
@click.argument("email")
@click.option("--name", default="", help="What the user is called.")
@click.option("--password", is_flag=True, help="Ask for a password, or read it from a pipe.")
@json_option
@data_option
def create(email: str, name: str, password: bool, as_json: bool, **flags: object) -> int:
    """Make a user whose address counts as proved."""
    more: dict[str, Any] = {"password": _ask_password()} if password else {}
    made = administer(settings_of(flags), "users.create", email=email, name=name, **more)
    if as_json:
        _show(made, True)
    else:
        click.echo(f"made {made['id']}")
    return 0


def _simple(name: str, command: str, text: str, done: str) -> None:
    """A command that does one thing with a user."""

    @users.command(name, short_help=text)
    @click.argument("user")
    @data_option
    def run(user: str, **flags: object) -> int:
        result = administer(settings_of(flags), command, user=user)
        click.echo(f"{done} {result['id']}")
        return 0

    run.help = f"{text} USER is an id, an external id or an e-mail address."


_simple("ban", "users.ban", "Keep one out, and end all sessions.", "banned")
_simple("unban", "users.unban", "Let one in again.", "let in")
_simple("unlock", "users.unlock", "Let one in again who was locked, or tried too many passwords.", "unlocked")
_simple("delete", "users.delete", "Delete one with all that belongs to the account.", "deleted")


@users.command(short_help="Act as one for a quarter of an hour.")
@click.argument("user")
@click.option("--reason", default="", help="Why, for the log.")
@data_option
def impersonate(user: str, reason: str, **flags: object) -> int:
    """Print an address that makes a session as USER, once, within ten minutes. The log tells of it."""
    click.echo(administer(settings_of(flags), "users.impersonate", user=user, reason=reason)["url"])
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

    settings, rows = settings_of(flags), read_export(file)
    total: dict[str, Any] = {"imported": 0, "without_password": 0, "skipped": []}
    for begin in range(0, len(rows), _AT_ONCE):
        report = administer(settings, "users.import", users=rows[begin : begin + _AT_ONCE])
        for name in total:
            total[name] += report[name]
        if not as_json and len(rows) > _AT_ONCE:
            click.echo(f"{min(begin + _AT_ONCE, len(rows)):,} of {len(rows):,}", err=True)
    if as_json:
        click.echo(json.dumps(total))
        return 0
    click.echo(f"imported {total['imported']:,} users")
    if total["without_password"]:
        click.echo(
            f"{total['without_password']:,} of them have a password that cannot be checked here: they reset it"
        )
    for each in total["skipped"]:
        click.echo(f"skipped {each['id']}: {each['why']}", err=True)
    return 0


@users.command("rotate-keys", short_help="Make a new key for tokens.")
@click.option("--revoke-now", is_flag=True, help="Use it at once, and refuse all tokens of the old ones.")
@data_option
def rotate_keys(revoke_now: bool, **flags: object) -> int:
    """Make a new signing key for access tokens. It is published today and signs from tomorrow on."""
    key = administer(settings_of(flags), "signing-keys.rotate", revoke_now=revoke_now)
    click.echo(f"{key['id']} ({key['algorithm']}) signs from {_time(key['active_at'])} on")
    return 0


@users.command(short_help="Show the log of security events.")
@click.option("--user", metavar="ID", help="Only of this user.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, metavar="N", help="At most so many (default: 100)."
)
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="N", help="Only what follows the event numbered N."
)
@json_option
@data_option
def audit(user: str | None, limit: int, after: int, as_json: bool, **flags: object) -> int:
    """Show security events, the oldest first: sign-ins, changes of passwords and factors, what administrators did."""
    found: list[dict[str, Any]] = administer(
        settings_of(flags), "audit.list", user=user, limit=limit, after=after
    )
    if as_json:
        click.echo(json.dumps(found))
    for each in [] if as_json else found:
        actor = f" by {each['actor']}" if each["actor"] else ""
        data = f" {json.dumps(each['data'])}" if each["data"] else ""
        click.echo(
            f"{each['id']}  {_time(each['at'])}  {each['event']}  {each['user_id'] or '-'}{actor}{data}"
        )
    return 0


@users.command("do", short_help="Any other command for accounts.")
@click.argument("command")
@click.argument("arguments", default="{}")
@json_option
@data_option
def do(command: str, arguments: str, as_json: bool, **flags: object) -> int:
    """Run any command for accounts, such as organizations.create, rules.set or api-keys.create, and print its result."""
    try:
        args = json.loads(arguments)
    except ValueError as error:
        raise click.UsageError(f"the arguments must be a JSON object: {error}") from None
    if not isinstance(args, dict):
        raise click.UsageError("the arguments must be a JSON object")
    _show(administer(settings_of(flags), command, **args), as_json)  # pyright: ignore[reportUnknownArgumentType] - any JSON object
    return 0


def administer(settings: Settings, command: str, **args: Any) -> Any:
    """Run a command through the running server, or in this process if there is none. Raises SetupError."""
    from syncline.server.admin_key import read_admin_key
    from syncline.server.endpoint import find_endpoint

    from .server_client import ServerClient, Unreachable

    body = json.dumps(args).encode()
    endpoint, key = find_endpoint(settings.data), read_admin_key(settings.data, os.environ)
    if endpoint is not None and key is not None:
        try:
            return json.loads(ServerClient(endpoint.url, key).post(f"/auth/v1/{command}", body))
        except Unreachable:
            pass  # It has stopped, or is just stopping. If it still holds the data, opening them says so.
    from syncline.server.accounts import administer_here

    return administer_here(settings, os.environ, command, args)


def _ask_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    password = sys.stdin.read().removesuffix("\n")
    if not password:
        raise SetupError("no password came from the pipe", "leave out --password, or type it")
    return password


def _show(value: object, as_json: bool) -> None:
    click.echo(json.dumps(value, indent=None if as_json else 2, ensure_ascii=False))


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


COMMANDS = (users,)
