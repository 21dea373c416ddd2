"""`ctx`: time, chance, identity, environment, and functions that call functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.applications import Functions, functions
from syncline.functions import (
    ActionCtx,
    Failure,
    MutationCtx,
    QueryCtx,
    Registry,
    action,
    mutation,
    query,
)
from syncline.kernel.errors import AppError, UnauthenticatedError
from syncline.kernel.identity import Caller, Identity
from syncline.schema import Document, table_of

ANN = Caller(Identity(subject="ann", issuer="https://id.example.com", name="Ann"))


class Note(Document):
    text: str


# Time


@query
def too_fine(ctx: QueryCtx) -> datetime:
    return ctx.clock(seconds=0.5)


def test_now_is_the_time_of_the_transaction_and_stands_still() -> None:
    seen: list[datetime] = []

    @query
    def look(ctx: QueryCtx) -> None:
        seen.extend([ctx.now, ctx.now])

    with functions(look) as app:
        app.clock.jump(1_700_000_000_123_456_789)
        app.value("test:look")
        assert seen == [datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)] * 2
        assert app.run is not None and app.run.used_now and app.run.tick_ns is None


def test_a_clock_is_rounded_down_and_tells_when_it_ticks() -> None:
    seen: list[datetime] = []

    @query
    def look(ctx: QueryCtx) -> None:
        seen.extend([ctx.clock(hours=1), ctx.clock(minutes=1), ctx.clock(days=1)])

    with functions(look) as app:
        app.clock.jump(1_700_000_000_123_456_789)
        app.value("test:look")
        assert [f"{moment:%d %H:%M:%S.%f}" for moment in seen] == [
            "14 22:00:00.000000",
            "14 22:13:00.000000",
            "14 00:00:00.000000",
        ]
        assert app.run is not None and not app.run.used_now
        assert app.run.tick_ns == int(datetime(2023, 11, 14, 22, 14, tzinfo=UTC).timestamp()) * 10**9


def test_a_clock_that_ticks_too_often_is_refused() -> None:
    with functions(too_fine) as app:
        assert "ctx.clock needs a period of at least one second" in app.failure("test:too_fine").message


def test_a_run_that_looks_at_nothing_depends_on_nothing() -> None:
    @query
    def plain(ctx: QueryCtx) -> int:
        return 1

    with functions(plain) as app:
        app.value("test:plain", ANN)
        run = app.run
        assert run is not None
        assert (run.used_identity, run.used_now, run.tick_ns, run.env_names) == (
            False,
            False,
            None,
            frozenset(),
        )


# Chance


def test_chance_is_seeded_anew_for_each_run() -> None:
    @query
    def roll(ctx: QueryCtx) -> list[float]:
        return [ctx.random.random(), ctx.random.random()]

    with functions(roll) as app:
        first, second = app.value("test:roll"), app.value("test:roll")
    with functions(roll) as app:
        again = app.value("test:roll")
    assert first != second
    assert first[0] != first[1]
    assert first == again, "the same entropy gives the same run"


# Identity


@query
def whoami(ctx: QueryCtx) -> str:
    return ctx.auth.require().subject


@query
def guest(ctx: QueryCtx) -> bool:
    return ctx.auth.identity is None


def test_the_caller_is_known_and_noted_as_used() -> None:
    with functions(whoami, guest) as app:
        assert app.value("test:whoami", ANN) == "ann"
        assert app.run is not None and app.run.used_identity
        assert app.value("test:guest") is True
        assert app.run.used_identity


def test_requiring_a_caller_who_is_not_there_is_an_error_for_clients() -> None:
    with functions(whoami, redact=True) as app:
        failure = app.failure("test:whoami")
    assert isinstance(failure.exception, UnauthenticatedError)
    assert failure.data == b'{"code":"unauthenticated","message":"sign in to do this"}'


# Environment


def test_environment_variables_that_were_read_are_noted() -> None:
    @query
    def read(ctx: QueryCtx) -> str | None:
        return ctx.env.get("MODE", ctx.env.get("FALLBACK"))

    @query
    def read_all(ctx: QueryCtx) -> list[str]:
        return sorted(ctx.env)

    with functions(read, read_all, env={"MODE": "blue", "OTHER": "x"}) as app:
        assert app.value("test:read") == "blue"
        assert app.run is not None and app.run.env_names == {"MODE", "FALLBACK"}
        assert app.value("test:read_all") == ["MODE", "OTHER"]
        assert app.run.env_names == {"*"}


# Nested calls


@query
def texts(ctx: QueryCtx) -> list[str]:
    return [note.text for note in ctx.db.query(Note)]


@mutation
def write(ctx: MutationCtx, text: str) -> None:
    ctx.db.insert(Note(text=text))
    if text == "bad":
        raise AppError("bad text")


@mutation
def write_several(ctx: MutationCtx, texts: list[str]) -> list[str]:
    """Writes what can be written; returns what was seen on the way."""
    for text in texts:
        try:
            ctx.run(write, text=text)
        except AppError as error:
            assert error.data == "bad text"
    return ctx.run(query_texts)


query_texts = texts


@pytest.fixture
def notes() -> Any:
    app = Functions(Registry.of(texts, write, write_several, module="notes"), (table_of(Note),))
    yield app
    app.close()


def test_a_nested_mutation_that_raises_is_undone_alone(notes: Functions) -> None:
    seen = notes.value("notes:write_several", texts=["one", "bad", "two"])
    assert seen == ["one", "two"], "a nested query sees the writes of its transaction"
    assert notes.value("notes:texts") == ["one", "two"]


def test_a_failed_mutation_leaves_nothing(notes: Functions) -> None:
    assert isinstance(notes.call("notes:write", text="bad"), Failure)
    assert notes.value("notes:texts") == []


def test_the_data_of_a_nested_error_arrives_intact_at_the_client() -> None:
    @query
    def inner(ctx: QueryCtx) -> int:
        raise AppError({"code": "inner"})

    @query
    def outer(ctx: QueryCtx) -> int:
        return ctx.run(inner)

    with functions(inner, outer) as app:
        failure = app.failure("test:outer")
    assert failure.data == b'{"code":"inner"}'
    assert [frame.function.rpartition(".")[2] for frame in failure.error.frames] == ["inner", "outer"]


def test_nested_arguments_may_be_given_by_position_and_are_validated() -> None:
    @query
    def add(ctx: QueryCtx, left: int, right: int = 10) -> int:
        return left + right

    @query
    def right_calls(ctx: QueryCtx) -> list[int]:
        return [ctx.run(add, 1), ctx.run(add, 1, 2), ctx.run(add, 1, right=3)]

    @query
    def wrong_call(ctx: QueryCtx, which: int) -> int:
        run: Any = ctx.run
        calls = [
            lambda: run(add, "x"),
            lambda: run(add, 1, 2, 3),
            lambda: run(add, 1, left=2),
            lambda: run(add, rigth=2, left=1),
        ]
        result: int = calls[which]()
        return result

    with functions(add, right_calls, wrong_call) as app:
        assert app.value("test:right_calls") == [11, 3, 4]
        problems = [app.failure("test:wrong_call", which=which).error for which in range(4)]
    assert [problem.type for problem in problems] == ["ArgumentError"] * 4
    assert "$.left" in problems[0].message
    assert problems[1].message == "test:add takes 2 arguments after ctx, 3 were given"
    assert problems[2].message == "test:add: the argument 'left' was given twice"
    assert "did you mean `right`" in problems[3].message


def test_what_a_nested_function_returns_is_validated() -> None:
    @query
    def lie(ctx: QueryCtx) -> int:
        answer: Any = "no number"
        return answer  # type: ignore[no-any-return] # a function that breaks its promise

    @query
    def outer(ctx: QueryCtx) -> str:
        ctx.run(lie)
        return "unreached"

    with functions(lie, outer) as app:
        assert "ReturnsValidationError" in app.failure("test:outer").message


@query
def circle(ctx: QueryCtx, depth: int = 1) -> int:
    return ctx.run(circle, depth=depth + 1)


def test_functions_that_call_each_other_in_a_circle_are_stopped_with_the_chain() -> None:
    with functions(circle) as app:
        failure = app.failure("test:circle")
    assert failure.error.type == "LimitError"
    assert failure.error.message.startswith("call depth: 9 used, the limit is 8.")
    assert "test:circle -> test:circle" in failure.error.message


def test_the_depth_is_counted_along_one_chain_only() -> None:
    @query
    def leaf(ctx: QueryCtx) -> int:
        return 1

    @query
    def wide(ctx: QueryCtx) -> int:
        return sum(ctx.run(leaf) for _ in range(50))

    with functions(leaf, wide) as app:
        assert app.value("test:wide") == 50


def test_a_query_cannot_call_a_mutation_nor_anything_an_action() -> None:
    @action
    async def outside(ctx: ActionCtx) -> None: ...

    @query
    def sneak(ctx: QueryCtx) -> None:
        run: Any = ctx.run
        run(write, text="x")

    @mutation
    def wait(ctx: MutationCtx) -> None:
        run: Any = ctx.run
        run(outside)

    @mutation
    def plain(ctx: MutationCtx) -> None:
        run: Any = ctx.run
        run(len)

    with functions(sneak, wait, plain) as app:
        assert (
            "ctx.run in a query calls queries, and write is a mutation" in app.failure("test:sneak").message
        )
        assert "calls queries and mutations, and outside is an action" in app.failure("test:wait").message
        assert "by the decorated function, got <built-in function len>" in app.failure("test:plain").message


def test_a_query_called_from_a_mutation_gets_a_database_that_only_reads() -> None:
    @query
    def sneak(ctx: QueryCtx) -> bool:
        return hasattr(ctx.db, "insert")

    @mutation
    def outer(ctx: MutationCtx) -> bool:
        assert hasattr(ctx.db, "insert")
        return ctx.run(sneak)

    with functions(sneak, outer) as app:
        assert app.value("test:outer") is False


def test_clocks_count_from_the_epoch() -> None:
    period = timedelta(days=7)
    seen: list[datetime] = []

    @query
    def look(ctx: QueryCtx) -> None:
        seen.append(ctx.clock(days=7))

    with functions(look) as app:
        app.value("test:look")
    assert (seen[0] - datetime(1970, 1, 1, tzinfo=UTC)) % period == timedelta()
