"""`syncline new`: a project to begin with. `syncline add`: one more table in it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from syncline.codegen import generate
from syncline.functions import Release, load_application
from syncline.kernel.errors import SetupError
from syncline.scaffold import (
    TEMPLATES,
    NewTable,
    Template,
    check_folder,
    check_name,
    example_arguments,
    plan_table,
    write_files,
)
from syncline.server.settings import Settings, load_settings


def create_project(place: str, template_name: str) -> int:
    """Make a project in the folder `place`, whose last part is the project's name."""
    folder = Path(place)
    name = folder.resolve().name
    check_name(name)
    check_folder(folder)
    template = TEMPLATES[template_name]
    files = template.render(name)
    write_files(folder, files)
    _generate_types(folder)
    click.echo(f"\n  Created {name} from the template {template.name}\n")
    for line in _overview(files):
        click.echo(f"    {line}")
    click.echo("\n  Next:\n")
    for command, remark in _next_commands(folder, template):
        click.echo(f"    {command:<34}{remark}".rstrip())
    click.echo("")
    return 0


def add_table(
    settings: Settings, table: str, fields: Sequence[str], owner: str | None, module: str | None
) -> int:
    """Add a table to the application: its class, functions that list, create, update and delete, and their tests."""
    plan = plan_table(load_application(settings.backend), table, fields, owner=owner, module=module)
    release = _applied(plan, settings)
    click.echo("")
    for change in plan.changes:
        verb = "wrote" if change.before is None else "added"
        click.echo(f"  {settings.shown(change.path):<28}  {verb} {change.summary}")
    if settings.typescript is not None and generate(release.registry, release.schema).write(
        settings.typescript
    ):
        click.echo(f"  {settings.shown(settings.typescript):<28}  wrote TypeScript")
    for note in plan.notes:
        click.echo(f"\n  note: {note}")
    click.echo("\n  Next:\n")
    for command in _commands_after(plan, settings):
        click.echo(f"    {command}")
    click.echo("")
    return 0


def _applied(plan: NewTable, settings: Settings) -> Release:
    """Write the changes, and load the application with them. If it does not load, nothing has changed."""
    try:
        for change in plan.changes:
            change.apply()
        return load_application(settings.backend)
    except (SetupError, OSError) as error:
        for change in plan.changes:
            change.undo()
        raise SetupError(
            f"with the new table the application would not load: {error}", "nothing was changed"
        ) from None


def _commands_after(plan: NewTable, settings: Settings) -> Iterator[str]:
    for change in plan.changes:
        if change.path.name.startswith("test_"):
            yield f"pytest {settings.shown(change.path)}"
    arguments = example_arguments(plan.table)
    if arguments is not None:
        caller = ' --identity \'{"subject": "ada", "issuer": "me"}\'' if plan.table.fields.owner else ""
        yield f"syncline run {plan.module}:create {shlex.quote(json.dumps(arguments))}{caller}"
    yield f"syncline run {plan.module}:list"


def _generate_types(folder: Path) -> None:
    """Write the TypeScript of the functions, so that the frontend compiles before a server has run."""
    settings = load_settings(folder, {})
    if settings.typescript is not None:
        release = load_application(settings.backend)
        generate(release.registry, release.schema).write(settings.typescript)


def _overview(files: Iterable[str]) -> Iterator[str]:
    """`backend/    schema.py, tasks.py` for each folder at the top."""
    inside: dict[str, list[str]] = {}
    for path in files:
        top, _, rest = path.partition("/")
        if not rest:
            continue
        name = rest.partition("/")[0]
        names = inside.setdefault(top, [])
        if name not in names and not name.startswith(("__", ".")):
            names.append(name)
    width = max(map(len, inside)) + 1
    for top, names in inside.items():
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        yield f"{top + '/':<{width + 2}}{shown}"


def _next_commands(folder: Path, template: Template) -> list[tuple[str, str]]:
    enter = [] if folder.resolve() == Path.cwd() else [(f"cd {shlex.quote(str(folder))}", "")]
    if template.npm is None:
        return [
            *enter,
            ("syncline dev", "then open the address that it prints in two windows"),
            ("pytest", "the tests (pip install pytest)"),
        ]
    return [
        *enter,
        ("syncline dev", "the backend; leave it running"),
        (f"cd {template.npm} && npm ci && npm run dev", "the page, in a second terminal"),
    ]
