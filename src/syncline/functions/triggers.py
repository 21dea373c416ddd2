"""`@on_change(Message)`: code that runs with each change of a document, in its transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast
from weakref import WeakKeyDictionary

from syncline.database import Catalog, DatabaseReader, DatabaseWriter, Guard, Transaction
from syncline.kernel.errors import LimitError, SetupError
from syncline.schema import Document, Id
from syncline.values import decode_id

if TYPE_CHECKING:
    from .contexts import MutationCtx
    from .run import TransactionRun

D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Change(Generic[D]):
    """What has become of a document: `before` is None for a new one, `after` for one that was deleted."""

    id: Id[D]
    before: D | None
    after: D | None

    @property
    def kind(self) -> Literal["insert", "update", "delete"]:
        if self.before is None:
            return "insert"
        return "delete" if self.after is None else "update"


class Trigger(Generic[D]):
    """A function that runs with each change of one table. Made by `on_change` only."""

    def __init__(self, cls: type[D], fn: Callable[[MutationCtx, Change[D]], None]) -> None:
        if not isinstance(cast("object", fn), FunctionType) or fn.__code__.co_argcount != 2:
            raise SetupError(
                f"@on_change({cls.__name__}) is for functions of a context and a change, got {fn!r}",
                f"def changed(ctx: MutationCtx, change: Change[{cls.__name__}]) -> None: ...",
            )
        self.cls = cls
        self.fn = fn
        self.__module__ = fn.__module__
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        with _lock:
            _triggers[cls] = (*_triggers.get(cls, ()), self)

    def __call__(self, ctx: MutationCtx, change: Change[D], /) -> None:
        self.fn(ctx, change)

    @contextmanager
    def entered(self, run: TransactionRun) -> Generator[None]:
        """Count how deep triggers have set off one another. LimitError if that goes on and on."""
        limit = run.settings.limits.call_depth
        if run.triggers_within >= limit:
            raise LimitError(
                f"call depth: {limit} triggers have set off one another, the limit is {limit}, and {self.__name__} for "
                f"{self.cls.__name__} would be the next. Does it change what it watches? Look at change.before first"
            )
        run.triggers_within += 1
        try:
            yield
        finally:
            run.triggers_within -= 1


def on_change(cls: type[D], /) -> Callable[[Callable[[MutationCtx, Change[D]], None]], Trigger[D]]:
    """Run the function below with each insert, patch, replace and delete of a document of `cls`, whoever makes it.

        @on_change(Message)
        def count(ctx: MutationCtx, change: Change[Message]) -> None:
            if change.kind == "insert":
                ...

    It runs at once, in the same transaction and without the rules of tables. If it raises, the change that it was run for is
    undone, and the error goes on to whoever made it. Triggers of a class run in the order in which they are declared.
    """
    if not isinstance(found := cast("object", cls), type) or not issubclass(found, Document):
        raise SetupError(f"@on_change takes a document class, got {cls!r}", "for example @on_change(Message)")
    return lambda fn: Trigger(cls, fn)


#: By document class. A release has classes of its own, with which its triggers go.
_triggers: WeakKeyDictionary[type[Document], tuple[Trigger[Any], ...]] = WeakKeyDictionary()
_lock = threading.Lock()


def any_triggers() -> bool:
    """Whether there is any. Writes of applications without them cost nothing more."""
    return len(_triggers) > 0


class TriggeringWriter(DatabaseWriter):
    """`ctx.db` of an application that has triggers."""

    __slots__ = ("_fire",)

    def __init__(
        self,
        transaction: Transaction,
        catalog: Catalog,
        guard: Guard | None,
        fire: Callable[[Trigger[Any], Change[Any]], None],
    ) -> None:
        super().__init__(transaction, catalog, guard)
        self._fire = fire

    @property
    def unrestricted(self) -> DatabaseWriter:
        if self._guard is None:
            return self
        return TriggeringWriter(self._transaction, self._catalog, None, self._fire)

    def insert(self, document: D) -> Id[D]:
        triggers = _triggers.get(type(document))
        if triggers is None:
            return super().insert(document)
        with self._transaction.nested():
            id = super().insert(document)
            self._run(triggers, id, None)
        return id

    def patch(self, target: Id[D] | D, /, **changes: object) -> None:
        triggers = self._watching(target)
        if triggers is None:
            super().patch(target, **changes)
            return
        with self._transaction.nested():
            before = self._now(target)
            super().patch(target, **changes)
            self._run(triggers, _id_of(target), before)

    def replace(self, target: Id[D] | D, document: D) -> None:
        triggers = self._watching(target)
        if triggers is None:
            super().replace(target, document)
            return
        with self._transaction.nested():
            before = self._now(target)
            super().replace(target, document)
            self._run(triggers, _id_of(target), before)

    def delete(self, target: Id[D] | D) -> None:
        triggers = self._watching(target)
        if triggers is None:
            super().delete(target)
            return
        with self._transaction.nested():
            before = self._now(target)
            super().delete(target)
            self._run(triggers, _id_of(target), before)

    def _watching(self, target: Id[D] | D) -> tuple[Trigger[Any], ...] | None:
        if isinstance(target, Document):
            return _triggers.get(type(target))
        try:
            table = self._catalog.by_number.get(decode_id(target)[0])
        except ValueError:
            return None  # The write says what is wrong with it.
        return None if table is None else _triggers.get(table.cls)

    def _now(self, target: Id[D] | D) -> D | None:
        return DatabaseReader(self._transaction, self._catalog).get(_id_of(target))

    def _run(self, triggers: tuple[Trigger[Any], ...], id: Id[D], before: D | None) -> None:
        for trigger in triggers:
            self._fire(trigger, Change(id, before, self._now(id)))


def _id_of(target: Id[D] | D) -> Id[D]:
    return target.id if isinstance(target, Document) else target
