"""`@migration(Message)`: a change to all documents of a table, in batches, while everything goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import FunctionType
from typing import Any, TypeVar, cast

from syncline.database import SystemWriter
from syncline.kernel.errors import ArgumentError, SetupError
from syncline.schema import Document, Id, PaginationOptions
from syncline.system import MigrationRun

from .contexts import MutationCtx
from .decorators import Mutation
from .definitions import FunctionDefinition
from .job_records import MIGRATION_STEP
from .run import TransactionRun
from .workflow_records import job_of

D = TypeVar("D", bound=Document)

#: What a migration does with one document: the changes, or None for none.
Migrate = Callable[[MutationCtx, D], Mapping[str, object] | None]


class _Undo(Exception):
    """A dry run does not keep what it has done."""


class Migration(Mutation[[bool], None]):
    """A change to all documents of a table. Called as an internal mutation it starts, or goes on where it has stopped."""

    def __init__(self, fn: Callable[..., Any], cls: type[Document], batch: int, pause: float) -> None:
        if isinstance(fn, FunctionType) and fn.__code__.co_argcount != 2:
            raise SetupError(
                f"@migration({cls.__name__}) is for functions of a context and a document, got {fn.__qualname__}",
                f"def {fn.__name__}(ctx: MutationCtx, doc: {cls.__name__}) -> dict[str, object] | None: ...",
            )
        self.cls = cls
        self.batch = batch
        self.pause = pause
        super().__init__(fn, None, internal=True)
        self.parameters = ("dry_run",)

    @property
    def signature(self) -> Callable[..., Any]:
        return _signature

    @property
    def entry(self) -> Callable[..., Any]:
        return self._start

    def _start(self, ctx: MutationCtx, dry_run: bool = False) -> None:
        run = ctx._run  # pyright: ignore[reportPrivateUsage] - the context of a function of Syncline's own
        assert self.definition is not None
        start(run, SystemWriter(run.transaction, run.catalog), self.definition.path, dry_run)


def _signature(ctx: MutationCtx, dry_run: bool = False) -> None:
    """What a migration is called with."""


def migration(cls: type[D], /, *, batch: int = 100, pause: float = 0.0) -> Callable[[Migrate[D]], Migration]:
    """Make a function a migration: it is called once with each document of `cls`, the oldest first.

        @migration(Message)
        def add_slug(ctx: MutationCtx, doc: Message) -> dict[str, object] | None:
            return None if doc.slug else {"slug": doc.title.lower()}

    It returns the fields to change, or None. Run it with `syncline migrations run MODULE:NAME`, with `--dry-run` to see
    what it would do. Documents are changed `batch` at a time, each batch a transaction of its own with `pause` seconds behind it; a
    server that stops goes on where it was, and a run that failed goes on from the batch that failed when it is run again.
    """
    if batch < 1 or pause < 0:
        raise SetupError(f"@migration({cls.__name__}): batch is 1 or more, and pause not negative")
    return lambda fn: Migration(fn, cls, batch, pause)


def start(run: TransactionRun, db: SystemWriter, path: str, dry_run: bool) -> None:
    """Begin a run of a migration, or go on with the one that failed."""
    found = db.query(MigrationRun).where(function=path).unique()
    if found is not None and found.state == "running":
        raise ArgumentError(f"{path} is running already: {found.seen:,} documents seen so far")
    goes_on = found is not None and found.state == "failed" and found.dry_run == dry_run
    if found is not None and goes_on:
        db.patch(found, state="running", error=None, completed_at=None)
        id = found.id
    else:
        if found is not None:
            db.delete(found)
        id = db.insert(
            MigrationRun(
                function=path,
                state="running",
                dry_run=dry_run,
                cursor=None,
                seen=0,
                changed=0,
                started_at=run.now,
                completed_at=None,
                error=None,
            )
        )
    db.insert(job_of(MIGRATION_STEP, {"id": str(id)}, run.now))


def step(ctx: MutationCtx, run: TransactionRun, db: SystemWriter, id: Id[MigrationRun]) -> None:
    """Change one batch, and schedule the next one."""
    found = db.get(id)
    if found is None or found.state != "running":
        return
    assert run.registry is not None
    definition = run.registry.get(found.function)
    migration = None if definition is None else definition.function
    if not isinstance(migration, Migration):
        _stop(db, found, run, f"{found.function} is gone: the code in force has no such migration")
        return
    options = PaginationOptions(num_items=migration.batch, cursor=found.cursor)
    page = ctx.db.unrestricted.query(migration.cls).paginate(options)
    changed = 0
    document: Document | None = None
    try:
        with run.transaction.nested():
            for document in page.items:
                changed += _migrate(ctx, migration, document)
            if found.dry_run:
                raise _Undo
    except _Undo:
        pass
    except Exception as error:
        where = "" if document is None else f" at {document.id}"
        _stop(db, found, run, f"{type(error).__name__}{where}: {error}")
        return
    seen = found.seen + len(page.items)
    if page.is_done:
        db.patch(
            found, state="done", cursor=None, seen=seen, changed=found.changed + changed, completed_at=run.now
        )
        return
    db.patch(found, cursor=page.cursor, seen=seen, changed=found.changed + changed)
    db.insert(job_of(MIGRATION_STEP, {"id": str(id)}, run.now + timedelta(seconds=migration.pause)))


def _migrate(ctx: MutationCtx, migration: Migration, document: Document) -> int:
    changes = cast("Mapping[str, object] | None", migration.fn(ctx, document))
    if not changes:
        return 0
    ctx.db.unrestricted.patch(document.id, **changes)
    return 1


def _stop(db: SystemWriter, found: MigrationRun, run: TransactionRun, error: str) -> None:
    db.patch(found, state="failed", error=error, completed_at=run.now)


def is_migration(definition: FunctionDefinition) -> bool:
    """Whether a function is a migration."""
    return isinstance(definition.function, Migration)
