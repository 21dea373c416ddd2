"""The test kit, as the tests of an application use it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from notebook import notes

from syncline import AppError, ArgumentError, UnauthenticatedError
from syncline.testing import Backend

#: What the runs of one test drew.
drawn: list[float] = []


def test_calls_give_python_values_of_the_hinted_types(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    id = ann.mutation(notes.add, text="hello")
    [note] = ann.query(notes.mine)
    assert isinstance(note, notes.Note)
    assert (note.id, note.text, note.user_id, note.likes) == (id, "hello", "ann", 0)
    assert note.created_at == backend.now


def test_every_test_begins_with_an_empty_database(backend: Backend) -> None:
    assert backend.query(notes.texts) == []


def test_users_are_told_apart(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob", email="bob@example.com")
    ann.mutation(notes.add, text="hers")
    bob.mutation(notes.add, text="his")
    assert [note.text for note in ann.query(notes.mine)] == ["hers"]
    assert [note.text for note in bob.query(notes.mine)] == ["his"]
    assert bob.identity is not None
    assert bob.identity.email == "bob@example.com"


def test_exceptions_arrive_as_raised(backend: Backend) -> None:
    with pytest.raises(UnauthenticatedError, match="sign in to do this"):
        backend.query(notes.mine)
    with pytest.raises(AppError) as caught:
        backend.signed_in("ann").mutation(notes.add, text="")
    assert caught.value.data == {"code": "empty"}
    with pytest.raises(ArgumentError, match="text"):
        backend.signed_in("ann").mutation(notes.add, text=5)  # type: ignore[arg-type]  # what a client could send


def test_internal_functions_are_open_to_tests(backend: Backend) -> None:
    backend.signed_in("ann").mutation(notes.add, text="x")
    assert backend.mutation(notes.clear) == 1


def test_actions_run_to_their_end(backend: Backend) -> None:
    assert backend.signed_in("ann").action(notes.add_two, text="n") == ["n 1", "n 2"]


def test_subscriptions_show_each_change_once(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    with backend.subscribe(notes.texts) as updates:
        assert updates.next() == []
        ann.mutation(notes.add, text="a")
        assert updates.next() == ["a"]
        ann.mutation(notes.add, text="b")
        ann.mutation(notes.add, text="c")
        assert updates.latest == ["a", "b", "c"]
        before = updates.count
        backend.query(notes.texts)
        assert updates.count == before


def test_next_says_that_nothing_has_changed(backend: Backend) -> None:
    with backend.subscribe(notes.texts) as updates:
        updates.next()
        with pytest.raises(AssertionError, match=r"notes:texts has no further update: 1 so far"):
            updates.next()


def test_a_subscription_raises_what_its_query_raises(backend: Backend) -> None:
    with backend.subscribe(notes.mine) as updates, pytest.raises(UnauthenticatedError):
        _ = updates.latest


def test_time_moves_when_it_is_told_to(backend: Backend) -> None:
    before = backend.now
    with backend.subscribe(notes.minute) as updates:
        first = updates.next()
        backend.advance(minutes=5)
        assert updates.next() - first == timedelta(minutes=5)
    assert backend.now - before == timedelta(minutes=5)
    with pytest.raises(ValueError, match="time does not go back"):
        backend.advance(seconds=-1)


@pytest.mark.parametrize("attempt", [1, 2])
def test_chance_is_the_same_in_every_run(backend: Backend, attempt: int) -> None:
    drawn.append(backend.query(notes.chance))
    assert len(drawn) == attempt
    assert len(set(drawn)) == 1


def test_log_lines_are_kept(backend: Backend) -> None:
    backend.signed_in("ann").mutation(notes.add, text="x")
    assert backend.logs == ["[LOG] 'adding' 'x'"]
