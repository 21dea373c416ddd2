"""`syncline codegen`: TypeScript types of an application's functions and documents."""

from __future__ import annotations

import click

from syncline.codegen import generate
from syncline.functions import load_application
from syncline.kernel.errors import SetupError
from syncline.server.settings import Settings


def generate_typescript(settings: Settings, *, check: bool) -> int:
    folder = settings.typescript
    if folder is None:
        raise SetupError(
            "nothing says where the generated TypeScript goes",
            "name a folder inside the frontend's npm package: --output web/src/_generated, or for good under "
            '[tool.syncline] in pyproject.toml: typescript = "web/src/_generated"',
        )
    release = load_application(settings.backend)
    files = generate(release.registry, release.schema)
    shown = settings.shown(folder)
    stale = files.stale(folder) if check else files.write(folder)
    if check and stale:
        click.echo(
            f"error: {', '.join(stale)} in {shown} not up to date\n  help: run `syncline codegen`", err=True
        )
        return 1
    what = "nothing to do" if not stale else f"wrote {', '.join(stale)}"
    click.echo(f"  {shown}  {'up to date' if check else what}")
    return 0
