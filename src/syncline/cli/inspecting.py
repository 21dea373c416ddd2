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


COMMANDS = (check, explain)
