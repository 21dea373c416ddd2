"""Rules follow the entry point: what a client called, and all that it calls directly."""

from __future__ import annotations

from typing import Any

import pytest
from teamwork import board

from syncline.functions import Query
from syncline.kernel.identity import Caller, Identity
from syncline.testing import Backend

ANN = Identity("ann", "https://issuer.test")


@pytest.fixture
def hushed(backend: Backend) -> Backend:
    backend.mutation(board.new_secret, text="hush")
    return backend


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (board.secrets, []),
        (board.secrets_by_public, []),
        (board.secrets_by_plain_call, []),
        (board.secrets_by_internal, ["hush"]),
        (board.secrets_in_the_open, ["hush"]),
        (board.secrets_inside, ["hush"]),
        (board.secrets_by_public_inside, ["hush"]),
    ],
)
def test_queries(hushed: Backend, function: Query[[], list[str]], shown: list[str]) -> None:
    assert hushed.signed_in("ann").query(function) == shown
    assert hushed.query(function) == shown


def test_a_public_action_is_bound_in_all_that_it_calls_but_internal_functions(hushed: Backend) -> None:
    ann, bob = hushed.signed_in("ann"), hushed.signed_in("bob")
    bob.mutation(board.add, text="his")
    # It adds a note, then gives the caller's notes, the secrets, and the secrets by an internal query.
    assert ann.action(board.act, text="hers") == ["hers", "hush"]


def test_an_internal_action_is_not_bound(hushed: Backend) -> None:
    assert hushed.action(board.act_inside) == ["hush"]


@pytest.mark.parametrize(
    ("caller", "bound"),
    [
        (Caller(), True),
        (Caller(ANN), True),
        (Caller(ANN, backend=True), True),
        (Caller(ANN, admin=True), True),  # Acting as a user.
        (Caller(admin=True), False),
        (Caller(trusted=True), False),  # A schedule, a cron.
        (Caller(ANN, backend=True, trusted=True), False),
    ],
)
def test_who_is_bound(hushed: Backend, caller: Caller, bound: bool) -> None:
    seen: list[Any] = hushed.world.probe(caller, "_testing/public:list", table="secrets")
    assert (seen == []) is bound


def test_an_internal_function_that_fails_leaves_the_rules_in_force(hushed: Backend) -> None:
    assert hushed.signed_in("ann").query(board.secrets_after_a_failure) == []
