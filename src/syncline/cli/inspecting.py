"""The commands that look at an application and its data: check, audit, explain, shell, completion."""

from __future__ import annotations

import click

from .options import backend_option, data_option, json_option, settings_of


@click.command(short_help="Check code, schema and data.")
@json_option
@backend_option
@data_option
def check(as_json: bool, **flags: object) -> int:
    """Load the application, look for names of fields that do not exist, and verify the data.

    \b
    syncline check
    syncline check --json | jq '.findings[] | .file'

    Names in where, index, order, patch, replace and constructors are checked in the source, with the nearest name
    for a mistyped one. The data are compared with the schema and read whole: do they fit, is every index entry
    there, what would the next start build. Nothing is written, and a server may run meanwhile.

    Exit code 1 if anything is wrong: for CI, and before a deployment.
    """
    from .checking import check_application

    return check_application(settings_of(flags), as_json=as_json)


@click.command(short_help="Look for missing rules and indexes.")
@click.option("--strict", is_flag=True, help="Fail on hints, too.")
@click.option("--hints", is_flag=True, help="Show hints, too.")
@json_option
@backend_option
@data_option
def audit(strict: bool, hints: bool, as_json: bool, **flags: object) -> int:
    """Look for what is risky or slow: rules, identity, indexes, limits.

    \b
    syncline audit
    syncline audit --strict --json        for CI

    Tables without rules, public functions that never look at who is calling, queries without an index, indexes that
    nothing uses, fields that should be unique, functions near a limit; each with its line, the reason and what to do.
    The data are looked at if there are any, and the running server if there is one: it knows what was slow.

    A comment on the line or above it waives a finding: # syncline: allow(no-index) twelve rows, and never more

    Exit code 1 with errors and warnings; with hints only if --strict.
    """
    from .auditing import audit_application

    return audit_application(settings_of(flags), strict=strict, hints=hints, as_json=as_json)


@click.command(short_help="Show what a function reads, by which index, and what reruns it.")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.argument("arguments", metavar="[JSON]", default="{}")
@click.option("--identity", metavar="JSON", help='Act as a user: \'{"subject": "...", "issuer": "..."}\'.')
@json_option
@backend_option
@data_option
def explain(function: str, arguments: str, identity: str | None, as_json: bool, **flags: object) -> int:
    """Run a query or a mutation on the stored data, and show what it looked at.

    \b
    syncline explain messages:list '{"channel": "general"}'
    syncline explain messages:mine --identity '{"subject": "ada", "issuer": "local"}'

    For each read: the index and the range of it, how many rows were scanned, how many were kept, and what left out
    the others, with the index to add where there is none. Then what would make a live query run again and, if a
    server is running on the data, what did so lately. Nothing that a mutation writes is kept.
    """
    from .explaining import explain_function

    return explain_function(settings_of(flags), function, arguments, identity, as_json=as_json)


@click.command(short_help="A Python prompt on the data.")
@click.option("-c", "command", metavar="CODE", help="Run this instead of asking.")
@click.option("--identity", metavar="JSON", help='Let run(...) act as a user: \'{"subject": "...", ...}\'.')
@backend_option
@data_option
def shell(command: str | None, identity: str | None, **flags: object) -> int:
    """A Python prompt on the stored data, with or without a running server.

    \b
    syncline shell
    >>> db.query(Message).where(channel="general").take(3)
    >>> run(messages.send, channel="general", body="hello")
    >>> with write() as db:
    ...     db.delete(db.query(Message).first())

    Every statement reads the newest data. run(...) calls a function, internal ones too, through the running server
    if there is one. write() is one transaction, and needs the data for itself. Document classes, modules of functions
    and conditions such as gt(3) are there by their names; Tab completes.

    Without a terminal the code comes from -c or stdin, and what expressions give is printed:

    \b
    syncline shell -c 'db.query(Message).count()'
    """
    from .shell import open_shell

    return open_shell(settings_of(flags), command, identity)


@click.command(short_help="Let the shell complete commands and options.")
@click.argument("kind", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, kind: str) -> int:
    """Print what lets bash, zsh or fish complete commands and options with Tab.

    \b
    syncline completion bash >> ~/.bashrc
    syncline completion zsh >> ~/.zshrc
    syncline completion fish > ~/.config/fish/completions/syncline.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(kind)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "syncline", "_SYNCLINE_COMPLETE").source())
    return 0


COMMANDS = (check, audit, explain, shell)
