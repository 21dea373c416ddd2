"""The writes of a batch of mutations, held in memory over a snapshot.

One write set serves the whole batch: each mutation reads what the earlier ones wrote. A journal of previous
states makes undoing cheap, so a mutation that fails, or a nested one that its caller catches, costs as much as
it wrote and leaves no trace. Layers stacked on each other were rejected: every read would have to look through
all of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import NamedTuple

from syncline.store import DocumentWrite, EntryWrite


class Written(NamedTuple):
    """A document's state after a write: its body and the shape it has, or None for a deleted one."""

    shape: int
    body: bytes | None


class Mark(NamedTuple):
    """A point in a write set's history to which it can be taken back."""

    journal: int
    touched: int


class Overlay:
    """Written entries of one index: present or removed, in key order."""

    __slots__ = ("keys", "offsets", "present")

    def __init__(self) -> None:
        self.present: dict[bytes, bool] = {}
        self.offsets: dict[bytes, tuple[int, ...]] = {}
        self.keys: list[bytes] = []

    def between(self, start: bytes, stop: bytes) -> list[bytes]:
        return self.keys[bisect_left(self.keys, start) : bisect_left(self.keys, stop)]

    def put(self, key: bytes, present: bool, offsets: tuple[int, ...]) -> bool | None:
        before = self.present.get(key)
        if before is None:
            insort(self.keys, key)
            self.offsets[key] = offsets
        self.present[key] = present
        return before

    def restore(self, key: bytes, before: bool | None) -> None:
        if before is None:
            del self.present[key], self.offsets[key]
            del self.keys[bisect_right(self.keys, key) - 1]
        else:
            self.present[key] = before


_DocumentUndo = tuple[tuple[int, bytes], Written | None]
_EntryUndo = tuple[int, bytes, bool | None]


class WriteSet:
    """Documents and index entries as the mutations of a batch leave them."""

    __slots__ = ("_journal", "_touched", "documents", "overlays")

    def __init__(self) -> None:
        self.documents: dict[tuple[int, bytes], Written] = {}
        self.overlays: dict[int, Overlay] = {}
        self._journal: list[_DocumentUndo | _EntryUndo] = []
        # Entries whose key stayed while their document changed: nothing to store, but reads saw them.
        self._touched: list[EntryWrite] = []

    def put_document(self, table: int, internal_id: bytes, shape: int, body: bytes | None) -> None:
        key = (table, internal_id)
        self._journal.append((key, self.documents.get(key)))
        self.documents[key] = Written(shape, body)

    def put_entry(self, index_id: int, key: bytes, present: bool, offsets: tuple[int, ...]) -> None:
        overlay = self.overlays.get(index_id)
        if overlay is None:
            overlay = self.overlays[index_id] = Overlay()
        self._journal.append((index_id, key, overlay.put(key, present, offsets)))

    def touch_entry(self, index_id: int, key: bytes, offsets: tuple[int, ...]) -> None:
        """Say that the document behind an entry changed while the entry stayed."""
        self._touched.append(EntryWrite(index_id, key, None, offsets))

    def mark(self) -> Mark:
        return Mark(len(self._journal), len(self._touched))

    def undo(self, mark: Mark) -> None:
        """Take everything back that was written since `mark`."""
        journal = self._journal
        while len(journal) > mark.journal:
            item = journal.pop()
            if len(item) == 2:
                key, written = item
                if written is None:
                    del self.documents[key]
                else:
                    self.documents[key] = written
            else:
                self.overlays[item[0]].restore(item[1], item[2])
        del self._touched[mark.touched :]

    def wrote_since(self, mark: Mark) -> bool:
        return len(self._journal) > mark.journal

    def writes_since(self, mark: Mark) -> tuple[tuple[DocumentWrite, ...], tuple[EntryWrite, ...]]:
        """What was written since `mark`, each document and entry once, as it is now."""
        documents: dict[tuple[int, bytes], DocumentWrite] = {}
        entries: dict[tuple[int, bytes], EntryWrite] = {}
        for item in self._journal[mark.journal :]:
            if len(item) == 2:
                key = item[0]
                if key not in documents:
                    shape, body = self.documents[key]
                    documents[key] = DocumentWrite(key[0], key[1], body, shape)
            else:
                place = (item[0], item[1])
                if place not in entries:
                    overlay = self.overlays[item[0]]
                    entries[place] = EntryWrite(
                        item[0], item[1], overlay.present[item[1]], overlay.offsets[item[1]]
                    )
        for touched in self._touched[mark.touched :]:
            place = (touched.index, touched.key)
            if place not in entries:
                entries[place] = touched
        return tuple(documents.values()), tuple(entries.values())
