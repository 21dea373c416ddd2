"""What runs on this thread, or in this task, right now.

Guards, captured output and time limits belong to the running function and to nothing else in the process, so
they all look here first. Transactions own their thread for as long as they run; asynchronous actions share one,
and are told apart by a context variable.
"""

from __future__ import annotations

from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run import Run, TransactionRun

#: Queries and mutations by the thread that runs them.
transactions: dict[int, TransactionRun] = {}

#: The action that the current task, or the current thread of the pool, runs.
acting: ContextVar[Run | None] = ContextVar("the running action", default=None)


def current_run() -> Run | None:
    """The function that is running here, of any kind."""
    found = transactions.get(get_ident())
    return acting.get() if found is None else found
