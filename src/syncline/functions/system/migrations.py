"""What lets migrations go on, and what can be said of them."""

from __future__ import annotations

from syncline.functions import migrations
from syncline.functions.contexts import MutationCtx, QueryCtx
from syncline.functions.decorators import mutation, query
from syncline.functions.system_db import run_of, system_writer
from syncline.kernel.errors import ArgumentError
from syncline.schema import Id
from syncline.system import MigrationRun


@query(name="list", internal=True)
def list_runs(ctx: QueryCtx) -> list[MigrationRun]:
    """The newest run of each migration that was ever run."""
    return ctx.db.query(MigrationRun).index(MigrationRun.by_function).all()


@mutation(internal=True)
def start(ctx: MutationCtx, function: str, dry_run: bool = False) -> None:
    """Begin a run of a migration, or go on with the one that failed."""
    run = run_of(ctx)
    assert run.registry is not None
    definition = run.registry.get(function)
    if definition is None or not migrations.is_migration(definition):
        known = (
            ", ".join(sorted(item.path for item in run.registry if migrations.is_migration(item))) or "none"
        )
        raise ArgumentError(f"{function} is not a migration of this application (its migrations: {known})")
    migrations.start(run, system_writer(ctx), function, dry_run)


@mutation(internal=True)
def step(ctx: MutationCtx, id: Id[MigrationRun]) -> None:
    """Change the next batch."""
    migrations.step(ctx, run_of(ctx), system_writer(ctx), id)


FUNCTIONS = (list_runs, start, step)
