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


COMMANDS = (check,)
