"""`syncline new`: a project to begin with."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from syncline.codegen import generate
from syncline.functions import load_application
from syncline.scaffold import TEMPLATES, Template, check_folder, check_name, write_files
from syncline.server.settings import load_settings


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
