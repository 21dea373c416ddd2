"""What is whose, tested with the real engine on an empty database in memory."""

import pytest
from backend import todos

from syncline import AppError, NotFoundError, UnauthenticatedError
from syncline.testing import Backend


def texts(user) -> list[str]:
    return [todo.text for todo in user.query(todos.list_todos)]


def test_everybody_sees_his_own_todos_only(backend: Backend) -> None:
    ada, eve = backend.signed_in("ada"), backend.signed_in("eve")
    id = ada.mutation(todos.add, text="buy milk")
    eve.mutation(todos.add, text="rob a bank")
    assert texts(ada) == ["buy milk"]
    assert texts(eve) == ["rob a bank"]
    assert eve.query(todos.get, id=id) is None


def test_nobody_changes_what_belongs_to_others(backend: Backend) -> None:
    ada, eve = backend.signed_in("ada"), backend.signed_in("eve")
    id = ada.mutation(todos.add, text="buy milk")
    for call, args in ((todos.rename, {"text": "mine"}), (todos.check, {"done": True}), (todos.remove, {})):
        with pytest.raises(NotFoundError):
            eve.mutation(call, id=id, **args)
    ada.mutation(todos.check, id=id, done=True)
    assert [(todo.text, todo.done) for todo in ada.query(todos.list_todos)] == [("buy milk", True)]


def test_nobody_gets_in_without_signing_in(backend: Backend) -> None:
    with pytest.raises(UnauthenticatedError):
        backend.query(todos.list_todos)
    with pytest.raises(UnauthenticatedError):
        backend.mutation(todos.add, text="x")


@pytest.mark.parametrize("text", ["", "   ", "x" * 501])
def test_texts_have_a_length(backend: Backend, text: str) -> None:
    with pytest.raises(AppError):
        backend.signed_in("ada").mutation(todos.add, text=text)
