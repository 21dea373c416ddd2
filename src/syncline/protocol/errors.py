"""Refusals of the protocol itself: the client is at fault, and no function runs."""

from __future__ import annotations

from syncline.kernel.errors import SynclineError


class ProtocolError(SynclineError):
    """A message or request that is not of the protocol. A socket answers FatalError, HTTP answers 400.

    `code` is what HTTP clients get beside the message.
    """

    code = "BadRequest"

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        if code:
            self.code = code


class PathError(ProtocolError):
    """The text is no function path."""

    code = "BadConvexFunctionIdentifier"
