"""Rate limits: tokens per key, given back with time, and not taken by what fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.jobs import Application
from syncline import RateLimit, RateLimitError
from syncline.kernel.errors import SetupError
from syncline.testing import Backend

LIMITS = """
    from datetime import timedelta

    from syncline import MutationCtx, QueryCtx, RateLimit, mutation, query

    sending = RateLimit("send", rate=2, per=timedelta(seconds=10), burst=3)


    @mutation
    def send(ctx: MutationCtx, key: str, fail: bool = False, count: float = 1) -> None:
        sending.check(ctx, key, count=count)
        if fail:
            raise ValueError("taken back")


    @mutation
    def attempt(ctx: MutationCtx, key: str) -> bool:
        return sending.take(ctx, key)


    @query
    def left(ctx: QueryCtx, key: str) -> list[float]:
        return list(sending.status(ctx, key))


    @mutation
    def reset(ctx: MutationCtx, key: str) -> None:
        sending.reset(ctx, key)
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, "", limits_=LIMITS) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def limits(app: Application) -> Any:
    return app.module("limits_")


def test_a_burst_is_let_through_and_the_next_one_is_told_when(backend: Backend, limits: Any) -> None:
    for _ in range(3):
        backend.mutation(limits.send, key="ann")
    with pytest.raises(RateLimitError, match="the rate limit 'send' is used up: try again in 5 s") as caught:
        backend.mutation(limits.send, key="ann")
    assert caught.value.client_data()["retryAfter"] == 5
    backend.mutation(limits.send, key="bob")
    backend.advance(seconds=5)
    backend.mutation(limits.send, key="ann")
    with pytest.raises(RateLimitError):
        backend.mutation(limits.send, key="ann")


def test_what_fails_has_taken_nothing(backend: Backend, limits: Any) -> None:
    for _ in range(5):
        with pytest.raises(ValueError):
            backend.mutation(limits.send, key="ann", fail=True)
    assert backend.query(limits.left, key="ann") == [3, 0]


def test_taking_says_whether_there_were_any(backend: Backend, limits: Any) -> None:
    assert [backend.mutation(limits.attempt, key="ann") for _ in range(4)] == [True, True, True, False]
    assert backend.query(limits.left, key="ann") == [0, 5]
    backend.mutation(limits.reset, key="ann")
    assert backend.query(limits.left, key="ann") == [3, 0]


def test_more_than_there_can_ever_be_is_refused(backend: Backend, limits: Any) -> None:
    with pytest.raises(RateLimitError):
        backend.mutation(limits.send, key="ann", count=4)
    assert backend.query(limits.left, key="ann") == [3, 0]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 30), max_size=25))
def test_no_more_pass_than_rate_and_burst_allow(
    tmp_path_factory: pytest.TempPathFactory, pauses: list[float]
) -> None:
    with Application(tmp_path_factory.mktemp("app"), "", limits_=LIMITS) as app:
        backend, limits = app.backend, app.module("limits_")
        began = backend.now
        passed = 0
        for pause in pauses:
            backend.advance(seconds=pause)
            passed += backend.mutation(limits.attempt, key="x")
            assert passed <= 3 + (backend.now - began).total_seconds() / 5 + 1e-6


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"rate": 1, "burst": 0}, {"rate": 1, "per": timedelta(0)}])
def test_limits_that_allow_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="allows nothing"):
        RateLimit("x", **wrong)
