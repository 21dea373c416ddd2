"""Transactions on lists.

    cell:NAME         the list of one document; `cell:mine` is the caller's own
    group:NAME        the documents of an index prefix, in the order of their creation
    band:NUMBER       the same documents by another index
    entry:NAME:BAND   to append: to the group and to the band

A step is written `read KEY`, `append KEY VALUE`, `nested KEY VALUE` (the append is a nested transaction) or
`undone KEY VALUE` (the nested transaction fails, and the outer one goes on).
"""

from contextlib import suppress
from time import perf_counter
from typing import TypedDict

from syncline import (
    ActionCtx,
    AppError,
    MutationCtx,
    Page,
    PaginationOptions,
    QueryCtx,
    action,
    gte,
    mutation,
    query,
)

from .schema import Cell, Entry


class Total(TypedDict):
    count: int
    sum: int


@mutation
def transact(ctx: MutationCtx, steps: list[str], fail: bool = False) -> list[list[int]]:
    """Carry out the steps, and return what those that read found."""
    found: list[list[int]] = []
    for step in steps:
        verb, key, *value = step.split()
        if verb == "read":
            found.append(items(ctx, key))
        elif verb == "append":
            append(ctx, key, int(value[0]))
        else:
            with suppress(AppError):
                ctx.run(append_nested, key=key, value=int(value[0]), fail=verb == "undone")
    if fail:
        raise AppError("asked to fail")
    return found


@mutation(internal=True)
def append_nested(ctx: MutationCtx, key: str, value: int, fail: bool) -> None:
    append(ctx, key, value)
    if fail:
        raise AppError("asked to fail inside")


@action
async def twice(ctx: ActionCtx, first: list[str], second: list[str]) -> list[list[list[int]]]:
    """Two transactions, one after the other."""
    return [await ctx.run(transact, steps=first), await ctx.run(transact, steps=second)]


@query
def read(ctx: QueryCtx, keys: list[str]) -> list[list[int]]:
    return [items(ctx, key) for key in keys]


@query
def read_slowly(ctx: QueryCtx, keys: list[str]) -> list[list[int]]:
    """Runs so long that it has rounds of its own, which others do not wait for."""
    end = perf_counter() + 0.03
    found = [items(ctx, key) for key in keys]
    while perf_counter() < end:
        pass
    return found


@query
def totals(ctx: QueryCtx, keys: list[str]) -> list[Total]:
    """How many elements the lists have, and their sums."""
    found = [items(ctx, key) for key in keys]
    return [{"count": len(values), "sum": sum(values)} for values in found]


@query
def bands(ctx: QueryCtx, first: int) -> dict[str, list[int]]:
    """All bands from the first one on, read as one range."""
    found: dict[str, list[int]] = {}
    for entry in ctx.db.query(Entry).index(Entry.by_band, band=gte(first)):
        found.setdefault(f"band:{entry.band}", []).append(entry.value)
    return found


@query
def page(ctx: QueryCtx, group: str, options: PaginationOptions) -> Page[int]:
    """A page of a group, the newest first."""
    entries = ctx.db.query(Entry).where(group=group).order("desc").paginate(options)
    return entries.map(lambda entry: entry.value)


def items(ctx: QueryCtx, key: str) -> list[int]:
    kind, name = key.split(":")
    if kind == "cell":
        cell = ctx.db.query(Cell).where(name=own_name(ctx, name)).unique()
        return cell.items if cell is not None else []
    entries = ctx.db.query(Entry)
    found = entries.where(group=name) if kind == "group" else entries.where(band=int(name))
    return [entry.value for entry in found]


def append(ctx: MutationCtx, key: str, value: int) -> None:
    kind, name, *band = key.split(":")
    if kind == "entry":
        ctx.db.insert(Entry(group=name, band=int(band[0]), value=value))
        return
    name = own_name(ctx, name)
    cell = ctx.db.query(Cell).where(name=name).unique()
    if cell is None:
        ctx.db.insert(Cell(name=name, items=[value]))
    else:
        ctx.db.patch(cell, items=[*cell.items, value])


def own_name(ctx: QueryCtx, name: str) -> str:
    return f"of {ctx.auth.require().subject}" if name == "mine" else name
