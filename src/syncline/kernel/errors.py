"""Every error that an author or a client of Syncline can meet.

    SynclineError
    ├─ AppError               raised by applications; its data reaches the client
    ├─ ArgumentError          a call's arguments do not fit the function
    ├─ DocumentError          a value does not fit its field
    ├─ NotFoundError          there is no such document
    ├─ UniqueError            a unique index already holds the key
    ├─ UnauthenticatedError   nobody is signed in
    ├─ ForbiddenError         the caller may not do this
    ├─ LimitError             a transaction, value or call is over a limit
    ├─ OverloadedError        a queue is full; says when to try again
    │   └─ TooManyCallsError  one user, or one network address, has called too often
    ├─ SideEffectError        a query or mutation touched the outside world
    ├─ RateLimitError         too many calls in too short a time; says when to try again
    ├─ RefusedAddressError    ctx.http was sent to an address that is not public
    ├─ ResultError            a function returned what its hint does not allow
    ├─ FunctionNotFoundError  no such function, or not for this caller
    ├─ RetentionError         the past that was asked for is not kept any more
    ├─ CursorError            a pagination cursor of another query
    └─ SetupError             the application or its data folder cannot be used (schema, code, files)

`code` is stable and is what programs compare; the message is for people: what, where, what to do next.
"""

from __future__ import annotations

from typing import Any


class SynclineError(Exception):
    """Base of all errors that Syncline raises on purpose."""

    code: str = "internal"
    #: Whether a client in production sees `client_data()`; the text of all other errors is redacted there.
    public: bool = False

    def client_data(self) -> Any:
        """The value that clients receive as a ConvexError's data (public errors only)."""
        return {"code": self.code, "message": str(self)}


class AppError(SynclineError):
    """An application's own refusal. `data` is any value; it reaches the client in production too."""

    code = "app_error"
    public = True

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.data = data

    def client_data(self) -> Any:
        return self.data


class ArgumentError(SynclineError):
    code = "invalid_argument"
    public = True


class DocumentError(SynclineError):
    code = "invalid_document"
    public = True


class NotFoundError(SynclineError):
    code = "not_found"
    public = True


class UniqueError(SynclineError):
    """A unique index already holds the key. Names the index only, never the other document."""

    code = "not_unique"
    public = True

    def __init__(self, index: str) -> None:
        super().__init__(
            f"a document with this key already exists in the unique index {index}. Look for it first (`where`, then "
            "`unique`), and change that one; or catch UniqueError where it is expected"
        )
        self.index = index


class UnauthenticatedError(SynclineError):
    code = "unauthenticated"
    public = True

    def __init__(self, message: str = "sign in to do this") -> None:
        super().__init__(message)


class ForbiddenError(SynclineError):
    code = "forbidden"
    public = True


class LimitError(SynclineError):
    """A limit was reached. The text names what was used, the limit, its setting and the way out."""

    code = "limit"
    public = True


class OverloadedError(SynclineError):
    """A queue is full. `retry_after` is in seconds."""

    code = "overloaded"
    public = True

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyCallsError(OverloadedError):
    """One user, or one network address without a user, has called too often. `retry_after` is in seconds."""

    code = "too_many_calls"


class SideEffectError(SynclineError, PermissionError):
    """A query or mutation touched files, sockets, processes or the clock. Use an action for that.

    A PermissionError too, so that libraries which may do without a file degrade as they would on a
    machine that forbids it.
    """

    code = "side_effect"
    public = True


class RateLimitError(SynclineError):
    """A `RateLimit` has been used up. `retry_after` is in seconds; clients get it, too."""

    code = "rate_limited"
    public = True

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"the rate limit {name!r} is used up: try again in {retry_after:.3g} s")
        self.name = name
        self.retry_after = retry_after

    def client_data(self) -> Any:
        return {"code": self.code, "message": str(self), "name": self.name, "retryAfter": self.retry_after}


class RefusedAddressError(SynclineError):
    """`ctx.http` was sent to this machine or a private network. `host` is what was asked for, `address` what it is."""

    code = "refused_address"

    def __init__(self, host: str, address: str) -> None:
        super().__init__(
            f"ctx.http does not connect to {host} ({address}): it is not on the public network. If the address was not "
            "chosen by somebody else, use a client of your own: httpx.AsyncClient()"
        )
        self.host = host
        self.address = address


class ResultError(SynclineError):
    code = "invalid_result"


class FunctionNotFoundError(SynclineError):
    code = "function_not_found"


class RetentionError(SynclineError):
    """A read as of a timestamp whose snapshot is not held (any more)."""

    code = "out_of_retention"
    public = True

    def __init__(self, ts: int) -> None:
        super().__init__(
            f"the snapshot at {ts} is not held. Snapshots are held for a short while after query_ts gave "
            "their timestamp, a few at a time: ask for a new timestamp."
        )
        self.ts = ts


class CursorError(SynclineError):
    """A pagination cursor that this query did not make. Clients restart at the first page."""

    code = "invalid_cursor"
    public = True

    def __init__(self) -> None:
        super().__init__(
            "InvalidCursor: this cursor was made by another query (or the query has changed). Start again without a cursor."
        )

    def client_data(self) -> Any:
        # The official React hook looks for these two fields; see wire protocol, pagination.
        return {"isConvexSystemError": True, "paginationError": "InvalidCursor"}


class SetupError(SynclineError):
    """The application or its data cannot be used. `hint` is the next thing to do."""

    code = "setup"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n  help: {hint}" if hint else message)
        self.hint = hint


def quoted(text: str, length: int = 60) -> str:
    """`text` in quotes and cut if it is long, for the text of an error: what users sent can have any size."""
    return repr(text if len(text) <= length else text[:length] + "…")
