"""Document ids: a table number and 16 bytes, as text with a checksum.

    bytes = varint(table) + 16 bytes of internal id + Fletcher-16 of both (modulus 256, low byte first)
    text  = those bytes in Crockford's base32, lower case, without padding

Ids of user tables (numbers from 10001) have 32 characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Final

from syncline.kernel.errors import quoted

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CHARACTERS: Final = _ALPHABET.encode().ljust(256, b"~")
# Our alphabet onto the digits that int(digits, 32) reads, and everything else onto what it refuses.
_DIGITS: Final = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[_ALPHABET.index(chr(byte))] if chr(byte) in _ALPHABET else ord("~")
    for byte in range(256)
)
_INTERNAL: Final = 16
_CHECKSUM: Final = 2
_BLOCK: Final = 20  # bytes that are a whole number of characters: 32
_MIN_LENGTH: Final = 31
_MAX_LENGTH: Final = 37
_MAX_TABLE: Final = 2**32 - 1
#: About 4 MiB when full.
_REMEMBERED: Final = 16_384


@lru_cache(_REMEMBERED)
def encode_id(table: int, internal: bytes) -> str:
    """The id of the document `internal` (16 bytes) in the table with the number `table` (1 to 2**32 - 1)."""
    if not 1 <= table <= _MAX_TABLE:
        raise ValueError(f"a table number is 1 to {_MAX_TABLE}, got {table}")
    if len(internal) != _INTERNAL:
        raise ValueError(f"an internal id has {_INTERNAL} bytes, got {len(internal)}")
    body = _varint(table) + internal
    return _base32(body + _checksum(body))


@lru_cache(_REMEMBERED)
def decode_id(text: str) -> tuple[int, bytes]:
    """The table number and the 16 bytes in the id `text`. Raises ValueError if it is not an id."""
    raw = _from_base32(text)
    body = raw[:-_CHECKSUM]
    if _checksum(body) != raw[-_CHECKSUM:]:
        raise _not_an_id(text, "its checksum does not fit, so that a character must have changed")
    table, start = _read_varint(body)
    if len(body) - start != _INTERNAL or not 1 <= table <= _MAX_TABLE:
        raise _not_an_id(text, "it does not begin with a table number")
    return table, body[start:]


def _not_an_id(text: str, reason: str) -> ValueError:
    return ValueError(f"{quoted(text)} is not an id: {reason}")


@lru_cache(1024)
def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _read_varint(raw: bytes) -> tuple[int, int]:
    """The number at the start of `raw`, and the offset behind it; 0, 0 unless written in its shortest form."""
    number = 0
    for position in range(5):
        group = raw[position]
        number |= (group & 0x7F) << 7 * position
        if group < 0x80:
            return (number, position + 1) if group or not position else (0, 0)
    return 0, 0


def _checksum(body: bytes) -> bytes:
    sums = list(accumulate(body))
    return bytes((sums[-1] & 0xFF, sum(sums) & 0xFF))


def _spreads() -> Iterator[tuple[int, int, int]]:
    """Five steps that spread the 32 groups of 5 bits in a block over 32 bytes: (upper halves, lower halves, gap).

    Each parts all lanes in two: one lane of 160 bits becomes two of 80 bits, 128 bits apart, and so on down to 5
    bits in 8. Some shifts of long integers are twice as fast as a look-up for every character.
    """
    for lanes in (1, 2, 4, 8, 16):
        half, width = 80 // lanes, 256 // lanes
        lower = sum((1 << half) - 1 << lane * width for lane in range(lanes))
        yield lower << half, lower, width // 2 - half


_SPREADS: Final = tuple(_spreads())


def _base32(raw: bytes) -> str:
    if len(raw) > _BLOCK:
        return _base32(raw[:_BLOCK]) + _base32(raw[_BLOCK:])
    number = int.from_bytes(raw.ljust(_BLOCK, b"\0"), "big")
    for upper, lower, gap in _SPREADS:
        number = (number & upper) << gap | number & lower
    characters = number.to_bytes(32, "big").translate(_CHARACTERS).decode("ascii")
    return characters[: -(-len(raw) * 8 // 5)]


def _from_base32(text: str) -> bytes:
    size, spare = divmod(len(text) * 5, 8)
    if not _MIN_LENGTH <= len(text) <= _MAX_LENGTH or spare >= 5:
        raise _not_an_id(text, f"ids have 31, 32, 34, 36 or 37 characters, got {len(text)}")
    try:
        number = int(text.encode("ascii").translate(_DIGITS), 32)
    except ValueError:
        raise _not_an_id(text, "ids are written with 0-9 and a-z without i, l, o and u") from None
    # The last character may have bits that belong to no byte. Set, they would spell the same id another way.
    if number & (1 << spare) - 1:
        raise _not_an_id(text, "its last character is none that an id can end in")
    return (number >> spare).to_bytes(size, "big")
