"""A live query in a test: what a browser would be shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from syncline.functions import Failure, FunctionDefinition, Outcome, Success
from syncline.kernel.identity import Caller
from syncline.sync import LiveQueries, Subscription, Support

R = TypeVar("R")


class Updates(Generic[R]):
    """The results of a subscription, from the first on; equal results are not repeated.

    `latest` is the newest one, `count` says how many there were, `next()` gives them one by one.
    """

    def __init__(
        self,
        live: LiveQueries,
        definition: FunctionDefinition,
        args: bytes,
        caller: Caller,
        settle: Callable[[], None],
    ) -> None:
        self._live = live
        self._definition = definition
        self._settle = settle
        self._outcomes: list[Outcome] = []
        self._unread: deque[Outcome] = deque()
        # What LiveQueries asks of a subscriber.
        self.ts = 0
        self.floor = 0
        self.due = True
        self.caller = caller
        self._subscription = live.subscribe(self, 0, definition.path, args, None)
        live.start()
        live.touch(self)

    # For tests

    @property
    def latest(self) -> R:
        """The newest result, after everything that has been done so far. Raises what the query raised."""
        self._settle()
        return self._value(self._outcomes[-1])

    @property
    def count(self) -> int:
        """How many results there were so far."""
        self._settle()
        return len(self._outcomes)

    def next(self) -> R:
        """The next result that `next` has not given yet; AssertionError if there is none."""
        self._settle()
        if not self._unread:
            raise AssertionError(
                f"{self._definition.path} has no further update: {len(self._outcomes)} so far. "
                "Equal results are not sent again; has anything changed that the query reads?"
            )
        return self._value(self._unread.popleft())

    def close(self) -> None:
        """Subscribe no more."""
        self._live.cancel(self._subscription)

    # For LiveQueries

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return (self._subscription,)

    def advance(self, support: Support | None = None) -> None:
        subscription = self._subscription
        entry = subscription.entry
        content = entry.content
        if content is None or not entry.covers(self._live.head):
            return
        self.ts = self._live.head
        self.due = False
        if subscription.shown is None or not content.same_as(subscription.shown):
            self._outcomes.append(content.outcome)
            self._unread.append(content.outcome)
        subscription.shown = content

    def abort(self) -> None:
        raise AssertionError(f"the subscription to {self._definition.path} failed; see the log")

    def _value(self, outcome: Outcome) -> R:
        return cast("R", decoded(self._definition, outcome))


def decoded(definition: FunctionDefinition, outcome: Outcome) -> object:
    """A call's value in Python, of the type that its hint says; raises what the function raised."""
    match outcome:
        case Success():
            return definition.result.decode(outcome.value)
        case Failure():
            raise outcome.exception
