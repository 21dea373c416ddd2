"""What a client of a Syncline server can run into.

ClientError
├─ FunctionError          the function refused or failed; `data` is what it says to programs
├─ ConnectionLostError    no server answers, or nobody knows whether an action has run
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


class ClientClosedError(ClientError):
    """The client is closed."""

    code = "closed"
