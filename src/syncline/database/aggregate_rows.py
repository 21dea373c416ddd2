"""The rows in which aggregates are kept: ordinary documents of a table of Syncline's own, at places that are known.

    group with parts (a, b)     space = a, level 0, start = b          all groups of a space, in order
    runs of groups              space = a, level 1.., start = b        from one boundary to the next
    the whole table             level -1

Where runs begin is a matter of the hash of a group: one group in 64 begins a run of level 1, one in 64 of these a run
of level 2, and so on. So the rows depend on the groups that there are and not on the order in which they came, and no
run is ever split for being full. A space with few groups has no runs at all, and costs nothing for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, NamedTuple, cast

import msgspec

from syncline.system import AggregateRow
from syncline.values import Value, decode_key_part, encode_key_part, parts_end

from .aggregate_content import Content, total_of
from .catalog import Catalog, TableBinding

#: Levels of runs. With 64 groups in a run of the one below, three are enough for millions.
LEVELS: Final = 3
_BITS: Final = 6
_WHOLE: Final = -1


class Place(NamedTuple):
    """Which row: see above."""

    space: bytes
    level: int
    start: bytes


WHOLE = Place(b"", _WHOLE, b"")


def place_of(parts: tuple[bytes, ...]) -> Place:
    """The row of a group."""
    return Place(b"".join(parts[:-1]), 0, parts[-1]) if parts else WHOLE


def levels_of(space: bytes, start: bytes) -> int:
    """The highest level at which a group begins a run; 0 if it begins none."""
    digest = int.from_bytes(
        blake2b(start, key=blake2b(space, digest_size=16).digest(), digest_size=8).digest()
    )
    level = 0
    while level < LEVELS and digest & ((1 << _BITS) - 1) == 0:
        digest >>= _BITS
        level += 1
    return level


class AggregateRows:
    """Places to keys, and contents to bodies, for the rows of one aggregate (`number` is its index's)."""

    __slots__ = ("_head", "by_creation", "by_place", "number", "table")

    def __init__(self, catalog: Catalog, number: int) -> None:
        self.table: TableBinding = catalog.of(AggregateRow)
        self.by_place = self.table.indexes[0].id
        self.by_creation = self.table.by_creation
        self.number = number
        self._head = encode_key_part(float(number))

    def id_of(self, place: Place) -> bytes:
        """The internal id of a row."""
        hasher = blake2b(digest_size=16, person=b"aggregate")
        hasher.update(b"%d|%d|%d|" % (self.number, place.level, len(place.space)))
        hasher.update(place.space)
        hasher.update(place.start)
        return hasher.digest()

    @property
    def everything(self) -> tuple[bytes, bytes]:
        """The keys of all rows of the aggregate."""
        return self._head, parts_end(self._head)

    def prefix(self, space: bytes, level: int) -> bytes:
        """What the keys of the rows of one level begin with."""
        return self._head + encode_key_part(space.hex()) + encode_key_part(float(level))

    def key(self, place: Place) -> tuple[bytes, tuple[int, ...]]:
        """The key of a row in `by_place`, without creation time and id, and its offsets."""
        first = self._head + encode_key_part(place.space.hex())
        second = first + encode_key_part(float(place.level))
        key = second + encode_key_part(place.start.hex())
        return key, (len(self._head), len(first), len(second), len(key))

    def start_of(self, key: bytes, prefix: bytes) -> bytes:
        """The `start` in the key of a row."""
        return bytes.fromhex(cast("str", decode_key_part(key, len(prefix))[0]))

    def body(self, place: Place, content: Content, text: str, created_us: int) -> bytes:
        fields: dict[str, Value] = {
            "count": float(content.rows),
            "index": float(self.number),
            "least": content.least,
            "level": float(place.level),
            "most": content.most,
            "numbers": float(content.numbers),
            "odd": [float(item) for item in content.odd] if any(content.odd) else None,
            "space": place.space.hex(),
            "start": place.start.hex(),
            "total": str(content.total),
        }
        body = self.table.codec.encode_body(fields, text, created_us)
        _remember(body, content)
        return body

    def content(self, shape: int, body: bytes) -> Content:
        known = _known.get(body)
        if known is not None:
            return known
        found = _decode(self.table.current(shape, body))
        odd = found.odd or (0, 0, 0)
        content = Content(
            int(found.count),
            int(found.numbers),
            total_of(found.total),
            (int(odd[0]), int(odd[1]), int(odd[2])),
            found.least,
            found.most,
        )
        _remember(body, content)
        return content


class _Body(msgspec.Struct):
    """What of a body is content."""

    count: float
    numbers: float
    total: str
    odd: list[float] | None
    least: str | None
    most: str | None


_decode: Final = msgspec.json.Decoder(_Body).decode
#: Bodies that were read or written lately, decoded: the rows of busy groups are read at every write. Any thread.
_known: Final[dict[bytes, Content]] = {}
_REMEMBERED: Final = 4_096


def _remember(body: bytes, content: Content) -> None:
    if len(_known) >= _REMEMBERED:
        _known.clear()
    _known[body] = content


def parts_of(key: bytes, count: int) -> Iterator[bytes]:
    """The first `count` parts of a key."""
    offset = 0
    for _ in range(count):
        _value, end = decode_key_part(key, offset)
        yield key[offset:end]
        offset = end
