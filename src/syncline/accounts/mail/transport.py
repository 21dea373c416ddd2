"""What sends one mail, whichever way it goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .outbox import Mail

#: Sends one mail. Raises what went wrong; PermanentError if another try is of no use.
Transport = Callable[[Mail], Awaitable[None]]


class PermanentError(Exception):
    """Who is to send this mail refuses it for good."""
