"""The commands about what runs later and by itself: jobs, crons, migrations."""

from __future__ import annotations

import click

from .options import data_option, json_option, settings_of


@click.group(invoke_without_command=True, short_help="Scheduled functions.")
@click.option(
    "--state", type=click.Choice(["pending", "running", "success", "failed", "cancelled"]), help="Only these."
)
@click.option("--function", metavar="MODULE:FUNCTION", help="Only calls of this function.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, metavar="N", help="At most so many (default: 100)."
)
@json_option
@data_option
@click.pass_context
def jobs(
    context: click.Context,
    /,
    state: str | None,
    function: str | None,
    limit: int,
    as_json: bool,
    **flags: object,
) -> int:
    """Print the newest scheduled functions: those to come, and those of the last week with what became of them.

    \b
    syncline jobs --state failed
    syncline jobs cancel ID
    """
    if context.invoked_subcommand is not None:
        return 0
    from .jobs import list_jobs

    return list_jobs(settings_of(flags), state, function, limit, as_json=as_json)


@jobs.command("cancel", short_help="Let one not run.")
@click.argument("id", metavar="ID")
@data_option
def jobs_cancel(id: str, **flags: object) -> int:
    """Let a scheduled function not run; an action that is running is stopped if it can be."""
    from .jobs import cancel_job

    return cancel_job(settings_of(flags), id)


@click.group(invoke_without_command=True, short_help="Functions that run by themselves.")
@json_option
@data_option
@click.pass_context
def crons(context: click.Context, /, as_json: bool, **flags: object) -> int:
    """Print the functions with @every or @cron: when they run next, and how they ended last.

    \b
    syncline crons
    syncline crons run reports:daily
    """
    if context.invoked_subcommand is not None:
        return 0
    from .jobs import list_crons

    return list_crons(settings_of(flags), as_json=as_json)


@crons.command("run", short_help="Run one now.")
@click.argument("function", metavar="MODULE:FUNCTION")
@data_option
def crons_run(function: str, **flags: object) -> int:
    """Let the next run of a cron begin now. The times of the others stay."""
    from .jobs import run_cron

    return run_cron(settings_of(flags), function)


@click.group(invoke_without_command=True, short_help="Changes to all documents of a table.")
@json_option
@data_option
@click.pass_context
def migrations(context: click.Context, /, as_json: bool, **flags: object) -> int:
    """Print how far migrations are, or how they ended.

    \b
    syncline migrations run people:add_slug --dry-run
    syncline migrations run people:add_slug
    """
    if context.invoked_subcommand is not None:
        return 0
    from .jobs import list_migrations

    return list_migrations(settings_of(flags), as_json=as_json)


@migrations.command("run", short_help="Begin one, or go on with it.")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option("--dry-run", is_flag=True, help="Change nothing; count what would be.")
@data_option
def migrations_run(function: str, dry_run: bool, **flags: object) -> int:
    """Begin a migration, or go on where it failed. The running server does the work, a batch at a time."""
    from .jobs import run_migration

    return run_migration(settings_of(flags), function, dry_run=dry_run)


COMMANDS = (jobs, crons, migrations)
