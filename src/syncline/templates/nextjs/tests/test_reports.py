"""The summary that the page asks for."""

from syncline.testing import Backend

from backend import reports, tasks


def test_the_summary_names_the_newest_open_task(backend: Backend) -> None:
    ada = backend.signed_in("ada")
    ada.mutation(tasks.add, title="open")
    done = ada.mutation(tasks.add, title="done")
    ada.mutation(tasks.set_done, task=done, done=True)
    assert ada.action(reports.summary) == "1 open, 1 done. The newest open one: open"


def test_a_list_without_open_tasks_is_done(backend: Backend) -> None:
    assert backend.signed_in("ada").action(reports.summary) == "Everything is done: 0 of 0."
