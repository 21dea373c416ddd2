"""Declaring functions: what the decorators keep, what they refuse, and what type checkers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import pytest

from syncline.functions import (
    Action,
    ActionCtx,
    Kind,
    Mutation,
    MutationCtx,
    Query,
    QueryCtx,
    SyncAction,
    SyncActionCtx,
    action,
    define,
    mutation,
    query,
)
from syncline.kernel.errors import SetupError


@query
def count(ctx: QueryCtx, channel: str, limit: int = 10) -> int:
    """How many."""
    return limit


@query(name="list", anonymous=True)
def list_all(ctx: QueryCtx) -> list[str]:
    return []


@mutation(internal=True)
def add(ctx: MutationCtx, text: str) -> str:
    return text


@action
async def fetch(ctx: ActionCtx, url: str) -> bytes:
    return assert_type(await ctx.run(add, text=url), str).encode()


@action(timeout=5)
def crunch(ctx: SyncActionCtx, size: int) -> float:
    return assert_type(ctx.run(count, channel="a"), int) / size


def inline_calls_keep_their_types(ctx: MutationCtx, actions: SyncActionCtx) -> None:
    """Checked by mypy and pyright, never run."""
    assert_type(count(ctx, "general", limit=3), int)
    assert_type(list_all(ctx), list[str])
    assert_type(add(ctx, text="a"), str)
    assert_type(ctx.run(count, channel="general"), int)
    assert_type(ctx.run(add, "a"), str)
    assert_type(crunch(actions, 3), float)
    ctx.run(add, txt="a")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] - no such argument
    ctx.run(count, channel=3)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - of another type
    reads: QueryCtx = ctx
    reads.run(add, text="a")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - a query cannot write


def test_a_decorated_function_keeps_its_name_and_documentation() -> None:
    assert isinstance(count, Query)
    assert (count.__name__, count.__doc__, count.name, count.kind) == (
        "count",
        "How many.",
        "count",
        Kind.QUERY,
    )
    assert count.__wrapped__ is count.fn
    assert count.parameters == ("channel", "limit")
    assert repr(count).startswith("<query ")


def test_options_are_kept() -> None:
    assert (list_all.name, list_all.anonymous, list_all.internal) == ("list", True, False)
    assert isinstance(add, Mutation) and add.internal
    assert isinstance(fetch, Action) and fetch.timeout is None
    assert isinstance(crunch, SyncAction) and crunch.timeout == 5


def test_a_definition_is_made_once_and_knows_where_the_function_is() -> None:
    definition = define(count)
    assert define(count) is definition
    assert definition.path == "test_decorators:count"
    assert definition.file == __file__
    assert definition.line == count.fn.__code__.co_firstlineno + 1
    assert definition.parameters == ("channel", "limit")


async def _coroutine(ctx: Any) -> None: ...


def _generator(ctx: Any) -> Any:
    yield 1


def _nothing() -> None: ...


class _Callable:
    def __call__(self, ctx: Any) -> None: ...


@pytest.mark.parametrize(
    ("fn", "problem"),
    [
        (
            _coroutine,
            r"_coroutine is an `async def` or a generator; queries and mutations are plain functions",
        ),
        (_generator, r"_generator is an `async def` or a generator"),
        (
            _nothing,
            r"_nothing has no ctx parameter\n  help: a query takes its context first: def _nothing\(ctx: QueryCtx",
        ),
        (_Callable(), r"@query is for functions written with def, got <"),
        (5, r"@query is for functions written with def, got 5"),
    ],
)
def test_what_cannot_be_a_query_is_refused(fn: Any, problem: str) -> None:
    with pytest.raises(SetupError, match=problem):
        query(fn)


@pytest.mark.parametrize("name", ["my-name", "", "a b", "naïve", "1st"])
def test_names_on_the_wire_are_identifiers(name: str) -> None:
    decorate = query(name=name)
    with pytest.raises(SetupError, match=r"cannot be the name of a function: letters, digits and _ only"):
        decorate(lambda ctx: None)


@pytest.mark.parametrize("timeout", [0, -1.5, float("nan")])
def test_a_time_limit_is_positive(timeout: float) -> None:
    decorate: Callable[[Any], Any] = action(timeout=timeout)
    with pytest.raises(SetupError, match="must be a number of seconds above 0"):
        decorate(_coroutine)


def _untyped(ctx, channel):  # type: ignore[no-untyped-def] # pyright: ignore # what the test is about
    return channel  # pyright: ignore  # the mistake that is tested


def _silent(ctx: QueryCtx):  # type: ignore[no-untyped-def] # what the test is about
    return 1


def test_a_missing_hint_is_refused_when_the_signature_is_read() -> None:
    decorate: Any = query
    with pytest.raises(SetupError, match="argument channel has no type"):
        define(decorate(_untyped))
    with pytest.raises(SetupError, match="test_decorators:_silent: the return hint is missing"):
        define(decorate(_silent))
