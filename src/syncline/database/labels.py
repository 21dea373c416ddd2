"""Indexes, keys and ranges in the words of the schema, for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from syncline.values import decode_key_part, encode_id, encode_json, parts_end, to_clean_json

from .catalog import Catalog, TableBinding
from .read_set import END, ReadRange

_TAIL: Final = 24  # Creation time and id at the end of every key.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Labels:
    """Names of what a catalog knows; what it does not know is called by its number."""

    def __init__(self, catalog: Catalog) -> None:
        self._indexes: dict[int, tuple[TableBinding, str, tuple[str, ...]]] = {}
        self._derived: set[int] = set()  # full-text and vector indexes: their keys say nothing to people
        for table in catalog.by_number.values():
            self._indexes[-table.number] = table, f"{table.name} by id", ()
            self._indexes[table.by_creation] = table, f"{table.name} by creation", ()
            for index in table.indexes:
                self._indexes[index.id] = table, index.label, index.fields
            for derived in table.derived:
                self._indexes[derived.id] = table, derived.label, ()
                self._derived.add(derived.id)

    def table(self, index_id: int) -> str | None:
        """The table of an index."""
        found = self._indexes.get(index_id)
        return None if found is None else found[0].name

    def index(self, index_id: int) -> str:
        """ "messages.by_channel", "messages by creation", "messages by id"."""
        found = self._indexes.get(index_id)
        return f"index {index_id}" if found is None else found[1]

    def key(self, index_id: int, key: bytes) -> str:
        """A whole key: `channel = "x", id k57...`."""
        found = self._indexes.get(index_id)
        if found is None:
            return key.hex()
        if index_id in self._derived:
            return "what a search looked for"
        table, _, fields = found
        parts, _ = self._fields(fields, key, 0)
        return ", ".join([*parts, f"id {encode_id(table.number, key[-16:])}"])

    def range(self, item: ReadRange) -> str:
        """What a range holds: `all`, `channel = "x"`, `channel = "x", up to likes = 3`."""
        found = self._indexes.get(item.index_id)
        if found is None:
            return f"{item.start.hex()} to {item.stop.hex()}"
        if item.index_id in self._derived:
            return "what the search looks for"
        table, _, fields = found
        if item.index_id < 0:
            return encode_id(table.number, item.start[:16])
        parts, used = self._fields(fields, item.prefix, 0)
        left = fields[used:]
        low = self._bound(table, left, item.start, len(item.prefix))
        whole_end = parts_end(item.prefix) if item.prefix else END
        high = "" if item.stop >= whole_end else self._bound(table, left, item.stop, len(item.prefix))
        if low:
            parts.append(f"from {low}")
        if high:
            parts.append(f"up to {high}")
        return ", ".join(parts) or "all"

    def _fields(self, fields: tuple[str, ...], key: bytes, offset: int) -> tuple[list[str], int]:
        """The values of leading fields in a key, and how many there are."""
        parts: list[str] = []
        for name in fields:
            if offset >= len(key):
                break
            try:
                value, offset = decode_key_part(key, offset)
                text = to_clean_json(encode_json(value)).decode()
            except (ValueError, IndexError, TypeError):
                break
            parts.append(f"{name} = {text}")
        return parts, len(parts)

    def _bound(self, table: TableBinding, fields: tuple[str, ...], key: bytes, offset: int) -> str:
        """Where a range begins or ends, behind its prefix."""
        rest = key[offset:]
        if not rest:
            return ""
        if not fields:
            return _moment(rest)
        parts, _ = self._fields(fields, key, offset)
        return ", ".join(parts) or f"some {fields[0]}"


def _moment(rest: bytes) -> str:
    """A creation time at the end of a key."""
    microseconds = int.from_bytes(rest[:8].ljust(8, b"\0"), "big")
    try:
        return f"created {(_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec='milliseconds')}"
    except OverflowError:
        return "the end"
