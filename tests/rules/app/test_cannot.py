"""`cannot`: what a caller is refused, and what an assertion says when it is not."""

from __future__ import annotations

import re

import pytest
from teamwork import board

from syncline import ForbiddenError, NotFoundError, UnauthenticatedError
from syncline.kernel.errors import FunctionNotFoundError
from syncline.testing import Backend


def test_refusals_are_returned(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    note = ann.mutation(board.add, text="hers")
    assert isinstance(bob.cannot(board.remove, id=note), NotFoundError)
    assert isinstance(bob.cannot(board.add, text="x", user_id="ann"), ForbiddenError)
    assert isinstance(backend.cannot(board.add, text="x"), UnauthenticatedError)
    assert isinstance(bob.cannot(board.new_secret, text="x"), FunctionNotFoundError)


def test_a_query_may_show_nothing(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    note = ann.mutation(board.add, text="hers")
    assert bob.cannot(board.note, id=note) is None
    assert bob.cannot(board.notes) is None
    assert backend.cannot(board.notes) is None


def test_what_can_be_seen_is_shown(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    ann.mutation(board.publish, title="for all")
    with pytest.raises(
        AssertionError, match=re.escape("anybody can see what board:articles() shows: ['for all']")
    ):
        backend.cannot(board.articles)


def test_what_can_be_done_is_named_with_its_arguments(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    with pytest.raises(AssertionError, match=re.escape("ann can call board:add(text='x'): it returned ")):
        ann.cannot(board.add, text="x")


def test_other_errors_are_no_refusals(backend: Backend) -> None:
    with pytest.raises(AssertionError, match="but by AssertionError, which says nothing about rights"):
        backend.signed_in("ann").cannot(board.fail)
