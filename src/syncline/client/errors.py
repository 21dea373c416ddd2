"""What a client of a Syncline server can run into.

ClientError
├─ FunctionError          the function refused or failed; `data` is what it says to programs
├─ ConnectionLostError    no server answers, or nobody knows whether an action has run
├─ AccountsError          the administration of accounts refused a request: `status`, `code`, `message`, `field`
├─ AuthenticationError    the token was refused; nothing goes on until another one is given
└─ ClientClosedError      the client was closed before there was an answer
"""

from __future__ import annotations

from typing import Any, cast

from syncline.kernel.errors import SynclineError


class ClientError(SynclineError):
    """Base of all errors of `syncline.client`."""

    code = "client"


class FunctionError(ClientError):
    """The function raised an error, or the server refused to call it; a mutation has then changed nothing.

    `data` is the value that the function gave its `AppError` (or `{"code": ..., "message": ...}` for Syncline's own
    refusals); None for an unexpected error, whose text the server may hide. `code` is `data["code"]` if that is there.
    """

    code = "function"

    def __init__(self, path: str, message: str, data: Any = None) -> None:
        super().__init__(f"{path}: {message.strip()}")
        self.path = path
        self.message = message
        self.data = data
        code = cast("dict[str, object]", data).get("code") if isinstance(data, dict) else None
        if isinstance(code, str):
            self.code = code


class ConnectionLostError(ClientError):
    """No server answered in time; or the connection broke while an action ran, and whether it ran to its end is not known."""

    code = "connection_lost"


class AuthenticationError(ClientError):
    """The server refused the token. Call `authenticate` with another one, or with None to go on as nobody."""

    code = "unauthenticated"


class AccountsError(ClientError):
    """The administration of accounts refused a request, and changed nothing.

    `code` says why to programs (`no_user`, `email_taken`, ...), `status` is that of HTTP (404: there is no such thing, 409: it is
    taken, 403: the key does not allow it), `field` which field was wrong, if one was.
    """

    code = "accounts"

    def __init__(self, request: str, status: int, code: str, message: str, field: str | None = None) -> None:
        about = "" if field is None or field in message else f"{field}: "
        super().__init__(f"{request}: {about}{message}")
        self.status = status
        self.code = code
        self.message = message
        self.field = field


class ClientClosedError(ClientError):
    """The client is closed."""

    code = "closed"
