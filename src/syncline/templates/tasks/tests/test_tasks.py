"""What the functions promise, tested with the real engine on an empty database in memory."""

import pytest
from syncline import AppError, NotFoundError
from syncline.testing import Backend

from backend import tasks


def test_tasks_are_listed_the_newest_first(backend: Backend) -> None:
    backend.mutation(tasks.add, title="first")
    backend.mutation(tasks.add, title="  second ")
    assert [task.title for task in backend.query(tasks.list_tasks)] == ["second", "first"]


def test_a_task_can_be_ticked_off_and_opened_again(backend: Backend) -> None:
    task = backend.mutation(tasks.add, title="write a test")
    backend.mutation(tasks.set_done, task=task, done=True)
    assert backend.query(tasks.counts) == {"open": 0, "done": 1}
    backend.mutation(tasks.set_done, task=task, done=False)
    assert backend.query(tasks.counts) == {"open": 1, "done": 0}


def test_a_removed_task_is_gone(backend: Backend) -> None:
    task = backend.mutation(tasks.add, title="short-lived")
    backend.mutation(tasks.remove, task=task)
    assert backend.query(tasks.list_tasks) == []
    with pytest.raises(NotFoundError):
        backend.mutation(tasks.remove, task=task)


@pytest.mark.parametrize("title", ["", "   ", "x" * (tasks.LONGEST_TITLE + 1)])
def test_a_title_that_is_empty_or_too_long_is_refused(backend: Backend, title: str) -> None:
    with pytest.raises(AppError) as refusal:
        backend.mutation(tasks.add, title=title)
    assert refusal.value.data["code"] == "bad_title"
    assert backend.query(tasks.list_tasks) == []


def test_the_list_stays_live(backend: Backend) -> None:
    with backend.subscribe(tasks.list_tasks) as updates:
        assert updates.next() == []
        backend.mutation(tasks.add, title="appears by itself")
        assert [task.title for task in updates.next()] == ["appears by itself"]
