"""Exactly once: what a session's requests gave, so that a replay gets the answer and not a second run.

Clients number their requests, send them again when a connection breaks before the answer, and expect them to take
effect in the order of their numbers. So a replay is answered from the record of its first run, made in the same
commit as its writes. What wrote nothing needs no commit of its own: its outcome is remembered here, and recorded
with the next commit of its session, which is the first moment at which running it again could do harm.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeAlias

from syncline.kernel.errors import SynclineError
from syncline.kernel.identity import Caller
from syncline.store import Commit, Reader, RequestRecord

from .calls import MutationCall
from .outcomes import Success

#: The outcome of a request, who made it, and the timestamp at which it is visible.
Recorded: TypeAlias = tuple[str | None, Success, int]

_SESSIONS = 20_000
_EFFECTLESS_PER_SESSION = 1_000


class ReplayError(SynclineError):
    """A replay that must be neither answered nor run again."""

    code = "replay"


class Requests:
    """The requests of recent sessions. Belongs to the lane's thread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: Per session, the highest request that is recorded in the store: what is above it was never recorded there.
        self._highest: OrderedDict[bytes, int] = OrderedDict()
        #: Successes that wrote nothing since their session's last commit.
        self._effectless: OrderedDict[bytes, dict[int, Recorded]] = OrderedDict()
        #: What the current batch will record.
        self._batch: dict[bytes, dict[int, Recorded]] = {}

    def begin_batch(self) -> None:
        self._batch = {}

    def replayed(self, call: MutationCall) -> tuple[Success, int] | None:
        """The outcome of a request that was carried out before; None if it must run. Raises ReplayError."""
        session, request = call.session, call.request
        if session is None or request is None:
            return None
        found = self._find(session, request)
        if found is None:
            return None
        identity, outcome, ts = found
        if identity != _identity_key(call.caller):
            # Another user's result must not be shown to whoever guesses a session id.
            raise ReplayError("this request was made by another user before")
        return outcome, ts

    def note_effectless(self, call: MutationCall, outcome: Success, ts: int) -> None:
        """A request succeeded without writing anything."""
        session, request = call.session, call.request
        if session is None or request is None:
            return
        requests = self._effectless.setdefault(session, {})
        requests[request] = (_identity_key(call.caller), outcome, ts)
        if len(requests) > _EFFECTLESS_PER_SESSION:
            del requests[next(iter(requests))]
        self._effectless.move_to_end(session)
        if len(self._effectless) > _SESSIONS:
            self._effectless.popitem(last=False)

    def records(self, call: MutationCall, outcome: Success, ts: int) -> tuple[RequestRecord, ...]:
        """What the commit of a request records: its own outcome, and those that wait for a commit of its session."""
        session, request = call.session, call.request
        if session is None or request is None:
            return ()
        mine: Recorded = (_identity_key(call.caller), outcome, ts)
        self._batch.setdefault(session, {})[request] = mine
        waiting = self._effectless.get(session)
        if not waiting:
            return (_record(session, request, mine),)
        return tuple(_record(session, *item) for item in (*waiting.items(), (request, mine)))

    def committed(self, commits: Iterable[Commit]) -> None:
        """The batch is durable."""
        for commit in commits:
            for record in commit.requests:
                self._note_highest(record.session, record.request)
                self._forget_effectless(record.session, record.request)

    def _find(self, session: bytes, request: int) -> Recorded | None:
        batch = self._batch.get(session, {})
        found = batch.get(request) or self._effectless.get(session, {}).get(request)
        if found is not None:
            return found
        highest = self._highest.get(session)
        if highest is None:
            highest = self._reader.highest_request(session)
            self._note_highest(session, highest)
        if request > highest and request > max(batch, default=-1):
            return None  # It is new: the usual case, without a look-up.
        stored = self._reader.request(session, request) if request <= highest else None
        if stored is None:
            # Successes are recorded, so it failed. Running it behind what its client asked for later would change
            # their order.
            raise ReplayError("this request failed when it was made, and later ones have taken effect")
        ts, record = stored
        return record.identity, Success(record.result, record.log_lines), ts

    def _forget_effectless(self, session: bytes, request: int) -> None:
        # Only what the commit recorded: others of the session may have come behind it, in the same batch.
        requests = self._effectless.get(session)
        if requests is not None and requests.pop(request, None) is not None and not requests:
            del self._effectless[session]

    def _note_highest(self, session: bytes, request: int) -> None:
        self._highest[session] = max(request, self._highest.get(session, -1))
        self._highest.move_to_end(session)
        if len(self._highest) > _SESSIONS:
            self._highest.popitem(last=False)


def _identity_key(caller: Caller) -> str | None:
    return caller.identity.token_identifier if caller.identity is not None else None


def _record(session: bytes, request: int, recorded: Recorded) -> RequestRecord:
    identity, outcome, _ = recorded
    return RequestRecord(session, request, identity, outcome.value, outcome.log_lines)
