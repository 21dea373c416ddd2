"""What clients saw: transactions on lists, as they were asked for and answered.

Every transaction appends unique numbers to lists and reads lists. Because a list remembers the order of its appends,
a history of them tells in which order the transactions took effect: see `support.serializability`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Append:
    key: str
    value: int


@dataclass(frozen=True, slots=True)
class Read:
    key: str
    values: tuple[int, ...]


Operation: TypeAlias = Append | Read


class Status(Enum):
    OK = "ok"
    FAILED = "failed"
    #: The connection or the server died before the answer: it may have happened or not.
    UNKNOWN = "unknown"


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction. What a live query shows at one moment is a transaction that only reads."""

    #: Its place in the history.
    number: int
    #: What people call it.
    name: str
    operations: Sequence[Operation]
    status: Status = Status.OK
    #: Seconds at which the client asked. None: it says nothing about how new the values are.
    invoked: float | None = None
    #: Seconds at which the client had the answer. None: it never had one.
    returned: float | None = None
    #: Numbers of transactions that the same client must see before this one.
    after: Sequence[int] = ()
    #: The commit timestamp of one that wrote, the timestamp of the snapshot of one that did not. None: not known.
    ts: int | None = None

    @property
    def appends(self) -> list[Append]:
        return [each for each in self.operations if isinstance(each, Append)]

    @property
    def reads(self) -> list[Read]:
        return [each for each in self.operations if isinstance(each, Read)]


@dataclass(slots=True)
class History:
    transactions: list[Transaction] = field(default_factory=list[Transaction])

    def add(
        self,
        name: str,
        operations: Sequence[Operation],
        status: Status = Status.OK,
        *,
        invoked: float | None = None,
        returned: float | None = None,
        after: Sequence[int] = (),
        ts: int | None = None,
    ) -> Transaction:
        number = len(self.transactions)
        transaction = Transaction(number, name, operations, status, invoked, returned, after, ts)
        self.transactions.append(transaction)
        return transaction

    def count(self, status: Status) -> int:
        return sum(each.status is status for each in self.transactions)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that no strictly serializable system does."""

    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"
