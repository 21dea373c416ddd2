"""`syncline run` and `syncline watch`: functions called from the terminal."""

from __future__ import annotations

import click

from .options import backend_option, data_option, json_option, settings_of, user_url_option


@click.command(short_help="Call a function and print its result.")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.argument("arguments", metavar="[JSON]", default="{}")
@click.option("--identity", metavar="JSON", help='Act as a user: \'{"subject": "...", "issuer": "..."}\'.')
@user_url_option("Call this server instead, as who is signed in there (syncline login).")
@json_option
@backend_option
@data_option
def run(
    function: str, arguments: str, identity: str | None, url: str | None, as_json: bool, **flags: object
) -> int:
    """Call a function, internal ones too, and print its result.

    \b
    syncline run messages:send '{"channel": "general", "body": "hello"}'
    syncline run admin/users:list --json | jq length
    syncline run notes:mine --identity '{"subject": "ada", "issuer": "local"}'
    syncline run notes:mine --url https://app.example.com

    The server of the data folder runs it, if there is one; otherwise this process does.
    """
    settings = settings_of({**flags, "url": url})
    if url is not None and settings.url is not None:
        from .as_user import run_as_user

        if identity is not None:
            raise click.UsageError("--identity is for the local server; --url calls as who is signed in")
        return run_as_user(settings.url, function, arguments, as_json=as_json)
    from .calling import run_function

    return run_function(settings, function, arguments, identity, as_json=as_json)


@click.command(short_help="Print a query's result whenever it changes.")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.argument("arguments", metavar="[JSON]", default="{}")
@user_url_option("Watch at this server instead, as who is signed in there (syncline login).")
@json_option
@data_option
def watch(function: str, arguments: str, url: str | None, as_json: bool, **flags: object) -> int:
    """Print a query's result, and again whenever it changes, until Ctrl-C. It needs a running server.

    \b
    syncline watch messages:list '{"channel": "general"}'
    """
    settings = settings_of({**flags, "url": url})
    if url is not None and settings.url is not None:
        from .as_user import watch_as_user

        return watch_as_user(settings.url, function, arguments, as_json=as_json)
    from .watching import watch_function

    return watch_function(settings, function, arguments, as_json=as_json)


COMMANDS = (run, watch)
