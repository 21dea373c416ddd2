"""Timestamps as the protocol writes them: 8 bytes, little endian, in base64."""

from __future__ import annotations

import struct
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Final

from syncline.kernel.errors import quoted

_MAX: Final = 2**63 - 1
_pack: Final = struct.Struct("<Q").pack
_unpack: Final = struct.Struct("<Q").unpack


def encode_ts(ts: int) -> str:
    """`ts` (0 to 2**63 - 1) as 12 characters. Raises ValueError outside that range."""
    if not 0 <= ts <= _MAX:
        raise ValueError(f"a timestamp is 0 to 2**63 - 1, got {ts}")
    return b2a_base64(_pack(ts), newline=False).decode("ascii")


def decode_ts(text: str) -> int:
    """The timestamp in `text`. Raises ValueError if `encode_ts` did not write it."""
    try:
        ts: int = _unpack(a2b_base64(text))[0]
    except (Base64Error, struct.error, ValueError):
        ts = -1
    if not 0 <= ts <= _MAX or encode_ts(ts) != text:
        raise ValueError(
            f"{quoted(text)} is not a timestamp: it must be 8 bytes, little endian, in padded base64"
        )
    return ts
