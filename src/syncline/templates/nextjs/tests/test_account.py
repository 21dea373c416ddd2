"""Who the functions say is calling, and who may not call them."""

from syncline.testing import Backend

from backend import account, reports, tasks


def test_callers_learn_who_they_are(backend: Backend) -> None:
    ada = backend.signed_in("ada", email="ada@example.com")
    assert ada.query(account.whoami)["subject"] == "ada"
    assert ada.query(account.whoami)["email"] == "ada@example.com"


def test_nobody_gets_in_who_is_not_signed_in(backend: Backend) -> None:
    backend.cannot(account.whoami)
    backend.cannot(tasks.list_tasks)
    backend.cannot(tasks.add, title="sneaky")
    backend.cannot(reports.summary)
