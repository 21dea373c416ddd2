"""What the functions promise, tested with the real engine on an empty database in memory."""

import pytest
from syncline import AppError, NotFoundError
from syncline.testing import Backend

from backend import tasks


def test_tasks_are_listed_the_newest_first(backend: Backend) -> None:
    ada = backend.signed_in("ada")
    ada.mutation(tasks.add, title="first")
    ada.mutation(tasks.add, title="  second ")
    assert [task.title for task in ada.query(tasks.list_tasks)] == ["second", "first"]


def test_a_task_can_be_ticked_off_and_opened_again(backend: Backend) -> None:
    ada = backend.signed_in("ada")
    task = ada.mutation(tasks.add, title="write a test")
    ada.mutation(tasks.set_done, task=task, done=True)
    assert ada.query(tasks.counts) == {"open": 0, "done": 1}
    ada.mutation(tasks.set_done, task=task, done=False)
    assert ada.query(tasks.counts) == {"open": 1, "done": 0}


def test_a_removed_task_is_gone(backend: Backend) -> None:
    ada = backend.signed_in("ada")
    task = ada.mutation(tasks.add, title="short-lived")
    ada.mutation(tasks.remove, task=task)
    assert ada.query(tasks.list_tasks) == []
    with pytest.raises(NotFoundError):
        ada.mutation(tasks.remove, task=task)


@pytest.mark.parametrize("title", ["", "   ", "x" * (tasks.LONGEST_TITLE + 1)])
def test_a_title_that_is_empty_or_too_long_is_refused(backend: Backend, title: str) -> None:
    ada = backend.signed_in("ada")
    with pytest.raises(AppError) as refusal:
        ada.mutation(tasks.add, title=title)
    assert refusal.value.data["code"] == "bad_title"
    assert ada.query(tasks.list_tasks) == []


def test_what_one_does_the_other_one_sees(backend: Backend) -> None:
    ada, grace = backend.signed_in("ada"), backend.signed_in("grace")
    with grace.subscribe(tasks.list_tasks) as updates:
        assert updates.next() == []
        ada.mutation(tasks.add, title="appears by itself")
        assert [task.title for task in updates.next()] == ["appears by itself"]
