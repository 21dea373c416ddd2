"""Several queries answered as of one timestamp."""

from __future__ import annotations

from functools import partial

from syncline.functions import Outcome
from syncline.kernel.identity import Caller
from syncline.protocol import batch_body
from syncline.sync import LiveQueries

from .call import Call, outcome_body
from .request import Request


class Batch:
    """Reads from the cache first: results of one moment mostly have one timestamp.

    Only if they have not is a snapshot pinned, and everything read from it: pins are few, and kept for clients
    that ask for them.
    """

    def __init__(
        self, live: LiveQueries, request: Request, caller: Caller, calls: list[Call | bytes]
    ) -> None:
        self._live = live
        self._request = request
        self._caller = caller
        #: Calls that cannot run are answered already.
        self._answers = [call if isinstance(call, bytes) else b"" for call in calls]
        self._calls = {index: call for index, call in enumerate(calls) if isinstance(call, Call)}
        self._missing = len(self._calls)
        self._timestamps: set[int] = set()

    def run(self) -> None:
        if not self._calls:
            self._finish()
        for index, call in self._calls.items():
            self._live.fetch(call.path, call.args, self._caller, partial(self._collect, index))

    def _collect(self, index: int, outcome: Outcome, ts: int) -> None:
        self._answers[index] = outcome_body(outcome, self._calls[index].format)
        self._timestamps.add(ts)
        self._missing -= 1
        if self._missing:
            return
        if len(self._timestamps) == 1:
            self._finish()
        else:
            self._live.pin(lambda ts: self._request.guarded(self._read_pinned, ts))

    def _read_pinned(self, ts: int) -> None:
        self._timestamps.clear()
        self._missing = len(self._calls)
        for index, call in self._calls.items():
            self._live.fetch_at(ts, call.path, call.args, self._caller, partial(self._collect, index))

    def _finish(self) -> None:
        self._request.respond(200, batch_body(self._answers))
