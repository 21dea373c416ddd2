"""`syncline codegen`: types of an application's functions and documents, for TypeScript and for Python."""

from __future__ import annotations

import click

from syncline.codegen import generate, generate_python
from syncline.functions import load_application
from syncline.kernel.errors import SetupError
from syncline.server.settings import Settings


def generate_types(settings: Settings, *, check: bool) -> int:
    """Write, or with `check` only compare, all that the settings name. Returns the exit code."""
    folder, module = settings.typescript, settings.python
    if folder is None and module is None:
        raise SetupError(
            "nothing says where the generated TypeScript goes",
            "name a folder inside the frontend's npm package: --output web/src/_generated, or for good under "
            '[tool.syncline] in pyproject.toml: typescript = "web/src/_generated". A Python module is named by --python',
        )
    release = load_application(settings.backend)
    stale = False
    if folder is not None:
        files = generate(release.registry, release.schema)
        names = files.stale(folder) if check else files.write(folder)
        stale |= _tell(settings.shown(folder), names, check=check)
    if module is not None:
        generated = generate_python(release.registry)
        found = generated.is_stale(module) if check else generated.write(module)
        stale |= _tell(settings.shown(module.parent), [module.name] if found else [], check=check)
    return 1 if stale else 0


def _tell(folder: str, names: list[str], *, check: bool) -> bool:
    """Say what was done; returns whether files are stale and stay so."""
    if check and names:
        click.echo(
            f"error: {', '.join(names)} in {folder} not up to date\n  help: run `syncline codegen`", err=True
        )
        return True
    what = "nothing to do" if not names else f"wrote {', '.join(names)}"
    click.echo(f"  {folder}  {'up to date' if check else what}")
    return False
