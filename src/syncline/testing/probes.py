"""Functions that do to `ctx.db` whatever an application could: what the deny matrix calls as everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, Literal, TypeAlias

from syncline.functions import FunctionDefinition, MutationCtx, QueryCtx, define, mutation, query
from syncline.functions.engine import LoadedRelease
from syncline.functions.system_db import run_of, writer_of
from syncline.kernel.errors import ForbiddenError, NotFoundError, UnauthenticatedError, UniqueError
from syncline.schema import Document, Id, PaginationOptions, TableSpec

Outcome: TypeAlias = Literal["allowed", "not found", "forbidden", "unauthenticated"]

#: More rows than a table of samples has.
_ALL = 1_000


class _Undo(Exception):
    """Takes back what an attempt wrote."""


@query
def rows(ctx: QueryCtx, table: str) -> list[Any]:
    return list(ctx.db.query(_class_of(ctx, table)))


@query
def get(ctx: QueryCtx, id: str) -> bool:
    return ctx.db.get(Id[Document](id)) is not None


@query(name="list")
def list_ids(ctx: QueryCtx, table: str) -> list[str]:
    return [row.id for row in ctx.db.query(_class_of(ctx, table)).order("desc")]


@query
def count(ctx: QueryCtx, table: str) -> int:
    return ctx.db.query(_class_of(ctx, table)).count()


@query
def paginate(ctx: QueryCtx, table: str) -> list[str]:
    page = ctx.db.query(_class_of(ctx, table)).paginate(PaginationOptions(num_items=_ALL, cursor=None))
    return [row.id for row in page.items]


@mutation
def attempt(ctx: MutationCtx, operation: str, id: str) -> Outcome:
    """Whether a write is allowed. Nothing is written."""
    run = run_of(ctx)
    row = writer_of(run).require(Id[Document](id))
    copy = type(row)(**{name: getattr(row, name) for name in type(row).__definition__.annotations})
    try:
        with run.transaction.nested():
            match operation:
                case "insert":
                    ctx.db.insert(copy)
                case "patch":
                    ctx.db.patch(row.id)
                case "replace":
                    ctx.db.replace(row.id, copy)
                case _:
                    ctx.db.delete(row.id)
            raise _Undo
    except _Undo:
        return "allowed"
    except UniqueError:
        return "allowed"  # The copy of a row repeats its key: no rule stood in the way.
    except NotFoundError:
        return "not found"
    except ForbiddenError:
        return "forbidden"
    except UnauthenticatedError:
        return "unauthenticated"


def _class_of(ctx: QueryCtx, table: str) -> type[Document]:
    return run_of(ctx).catalog.by_name[table].cls


#: Where they are, as public and as internal functions.
PUBLIC = "_testing/public"
INTERNAL = "_testing/internal"


class ProbedRelease:
    """A release with the probes among its functions."""

    def __init__(self, release: LoadedRelease) -> None:
        self.schema: Sequence[TableSpec] = release.schema
        self.registry = release.registry.plus(_definitions())
        #: Where processes find the code.
        self.folder: object = getattr(release, "folder", None)


@lru_cache(maxsize=1)
def probed(release: LoadedRelease) -> ProbedRelease:
    """The same one as long as the tests are of one application: each of them makes an engine for it."""
    return ProbedRelease(release)


@cache
def _definitions() -> list[FunctionDefinition]:
    found: list[FunctionDefinition] = []
    for function in (rows, get, list_ids, count, paginate, attempt):
        # Open to all: what rules make of nobody is to be seen too.
        public = replace(define(function, f"{PUBLIC}:{function.name}"), anonymous=True)
        internal = f"{INTERNAL}:{function.name}"
        found += [public, replace(public, path=internal, label=internal.encode(), internal=True)]
    return found
