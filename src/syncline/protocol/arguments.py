"""The arguments of a call, before anybody looks inside."""

from __future__ import annotations

from typing import Final

import msgspec

from syncline.kernel.errors import ArgumentError

_split: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def argument_object(args: bytes | msgspec.Raw) -> bytes:
    """The JSON of the one argument object in `args`: an array of it (as on the socket) or the object itself.

    Raises ArgumentError for an array of none or several. That the rest is an object is not checked.
    """
    raw = bytes(args)
    if raw == b"[{}]":
        return b"{}"
    if raw.lstrip(b" \t\r\n")[:1] != b"[":
        return raw
    try:
        parts = _split(raw)
    except RecursionError:
        raise ArgumentError("the arguments are too deeply nested") from None
    except ValueError as error:
        raise ArgumentError(f"the arguments are not JSON: {error}") from None
    if len(parts) != 1:
        raise ArgumentError(f"a function takes one object with its arguments, got an array of {len(parts)}")
    return bytes(parts[0])
