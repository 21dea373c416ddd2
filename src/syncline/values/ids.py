"""Document ids: a table number and 16 bytes, as text with a checksum.

    bytes = varint(table) + 16 bytes of internal id + Fletcher-16 of both (modulus 256, low byte first)
    text  = those bytes in Crockford's base32, lower case, without padding

Ids of user tables (numbers from 10001) have 32 characters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]
_INTERNAL: Final = 16
_CHECKSUM: Final = 2
_MAX_TABLE: Final = 2**32 - 1
#: About 4 MiB when full; most ids in use at one time belong to few documents.
_REMEMBERED: Final = 16_384
# int(text, 32) reads 0-9a-v: our alphabet, which leaves out i, l, o and u, is mapped onto it.
_TO_DIGITS: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_IS_ID: Final = re.compile(f"[{_ALPHABET}]{{31,37}}", re.ASCII).fullmatch


@lru_cache(_REMEMBERED)
def encode_id(table: int, internal: bytes) -> str:
    """The id of the document `internal` (16 bytes) in the table with number `table` (1 to 2**32 - 1)."""
    if not 1 <= table <= _MAX_TABLE:
        raise ValueError(f"a table number is 1 to {_MAX_TABLE}, got {table}")
    if len(internal) != _INTERNAL:
        raise ValueError(f"an internal id has {_INTERNAL} bytes, got {len(internal)}")
    body = _varint(table) + internal
    return _base32(body + _checksum(body))


@lru_cache(_REMEMBERED)
def decode_id(text: str) -> tuple[int, bytes]:
    """The table number and the 16 bytes in the id `text`. Raises ValueError if it is not an id."""
    if _IS_ID(text) is None:
        raise _not_an_id(text, "ids have 31 to 37 characters of 0-9 and a-z without i, l, o and u")
    # The last character may hold bits beyond the last byte; they are zero in every id that we made.
    size, spare = divmod(len(text) * 5, 8)
    raw = (int(text.translate(_TO_DIGITS), 32) >> spare).to_bytes(size, "big")
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if _checksum(body) != checksum:
        raise _not_an_id(text, "its checksum does not match: a character was changed")
    table, start = _read_varint(body)
    internal = body[start:]
    # Only one text stands for a document: other spellings (spare bits, a padded varint) are refused.
    if (
        len(internal) != _INTERNAL
        or not 1 <= table <= _MAX_TABLE
        or _base32(raw) != text
        or _varint(table) != body[:start]
    ):
        raise _not_an_id(text, "its table number is not written as ids write it")
    return table, internal


def _not_an_id(text: str, reason: str) -> ValueError:
    shown = text if len(text) <= 50 else text[:50] + "…"
    return ValueError(f"{shown!r} is not an id: {reason}")


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _read_varint(raw: bytes) -> tuple[int, int]:
    """The number at the start of `raw` and the offset behind it (or 0, 0 if it does not end in 5 bytes)."""
    number = 0
    for position in range(5):
        group = raw[position]
        number |= (group & 0x7F) << 7 * position
        if group < 0x80:
            return number, position + 1
    return 0, 0


def _checksum(body: bytes) -> bytes:
    sums = list(accumulate(body))
    return bytes((sums[-1] & 0xFF, sum(sums) & 0xFF))


def _base32(raw: bytes) -> str:
    bits = int.from_bytes(raw, "big")
    characters = -(-len(raw) * 8 // 5)
    bits <<= characters * 5 - len(raw) * 8
    if characters % 2:
        return _ALPHABET[bits >> 5 * (characters - 1)] + _pairs(bits, characters - 1)
    return _pairs(bits, characters)


def _pairs(bits: int, characters: int) -> str:
    return "".join([_PAIRS[bits >> shift & 0x3FF] for shift in range(5 * (characters - 2), -1, -10)])
