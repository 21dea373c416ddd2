"""Functions of a server whose code is not here: what `syncline codegen --python` writes refers to them.

    messages = remote.query("messages:list", _messages_list)

`_messages_list` is never run. Its signature says what the arguments and the result are, to type checkers and to the
codecs of this client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Final, Generic, Literal, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class RemoteFunction(Generic[P, R_co]):
    """A function by its path, with its types."""

    kind: Literal["query", "mutation", "action"]

    def __init__(self, path: str, fn: Callable[..., R_co]) -> None:
        self.path = path
        self.fn = fn
        code = fn.__code__
        self.parameters: tuple[str, ...] = code.co_varnames[1 : code.co_argcount]

    def __repr__(self) -> str:
        return f"<{self.kind} {self.path}>"


class RemoteQuery(RemoteFunction[P, R_co]):
    kind = "query"


class RemoteMutation(RemoteFunction[P, R_co]):
    kind = "mutation"


class RemoteAction(RemoteFunction[P, R_co]):
    kind = "action"


def query(path: str, fn: Callable[Concatenate[Any, P], R_co]) -> RemoteQuery[P, R_co]:
    """A query, with the arguments and the result of `fn`."""
    return RemoteQuery(path, fn)


def mutation(path: str, fn: Callable[Concatenate[Any, P], R_co]) -> RemoteMutation[P, R_co]:
    """A mutation, with the arguments and the result of `fn`."""
    return RemoteMutation(path, fn)


def action(path: str, fn: Callable[Concatenate[Any, P], R_co]) -> RemoteAction[P, R_co]:
    """An action, with the arguments and the result of `fn`."""
    return RemoteAction(path, fn)


def elsewhere() -> NoReturn:
    """The body of generated functions."""
    raise RuntimeError(
        "this function runs on a server: give it to client.query, client.mutation or client.action"
    )


__all__: Final = [
    "RemoteAction",
    "RemoteFunction",
    "RemoteMutation",
    "RemoteQuery",
    "action",
    "elsewhere",
    "mutation",
    "query",
]
