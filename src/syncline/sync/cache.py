"""Which entry answers a query for a caller, which ones a commit touches, and which are kept that nobody watches."""

from __future__ import annotations

from collections import OrderedDict

from syncline.database import CommitRecord, RangeIndex, ReadSet
from syncline.kernel.identity import Caller, Identity

from .entries import Entry, Key


class ResultCache:
    """All entries, by key. Those that nobody watches are kept in order of use, bounded in bytes.

    A query is taken to be everybody's until a run of it looks at the identity; from then on the callers of its
    function get an entry each. So a thousand sessions that open one public page cause one run, and a thousand
    that open their own notes cause one run too many, once.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        #: Every entry that was not dropped; `find` may no longer lead to it.
        self._entries: dict[Entry, None] = {}
        self._shared: dict[Key, Entry] = {}
        self._personal: dict[tuple[Key, Identity | None], Entry] = {}
        self._identity_paths: set[str] = set()
        #: What entries read when they last ran, stale ones too.
        self._index: RangeIndex[Entry] = RangeIndex()
        #: Invariant: exactly the entries with valid content that nobody watches or waits for.
        self._idle: OrderedDict[Entry, None] = OrderedDict()
        self.bytes = 0
        #: How many queries that were asked once were answered from here, and how many had to wait for a run.
        self.hits_once = 0
        self.misses_once = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._entries

    def find(self, path: str, args: bytes, caller: Caller, journal: str | None) -> Entry | None:
        """The entry that a newcomer may share, if there is one."""
        identity = caller.identity
        key = (path, args, journal, caller.trust, identity is not None)
        entry = self._shared.get(key)
        if entry is None and path in self._identity_paths:
            entry = self._personal.get((key, identity))
        if entry is not None and not entry.adoptable:
            self.unlist(entry)  # Those who watch it keep it.
            return None
        return entry

    def create(self, path: str, args: bytes, caller: Caller, journal: str | None, *, slow: bool) -> Entry:
        """A new entry, under the key for which `find` had none."""
        key = (path, args, journal, caller.trust, caller.identity is not None)
        entry = Entry(key, caller, personal=path in self._identity_paths, slow=slow)
        if entry.personal:
            self._personal[key, caller.identity] = entry
        else:
            self._shared[key] = entry
        self._entries[entry] = None
        return entry

    def make_personal(self, entry: Entry) -> None:
        """A run of this shared entry looked at the identity: it belongs to the caller that it ran for."""
        listed = self._is_listed(entry)
        self.unlist(entry)
        self._identity_paths.add(entry.path)
        entry.personal = True
        if listed:
            self._personal.setdefault((entry.key, entry.caller.identity), entry)

    def file(self, entry: Entry, read_set: ReadSet) -> None:
        """The entry has content that was made from what `read_set` covers."""
        self._index.add(entry, read_set)
        size = entry.weight(len(read_set.ranges))
        self.bytes += size - entry.size
        entry.size = size

    def read_set(self, entry: Entry) -> ReadSet:
        """What the entry's content was made from."""
        return self._index.read_set(entry)

    def hits(self, record: CommitRecord) -> set[Entry]:
        """The entries that read what a commit touched."""
        return self._index.hits(record)

    def rest(self, entry: Entry) -> list[Entry]:
        """Nobody watches this valid entry any more. Returns the entries that there is no room for: drop them."""
        if not self._is_listed(entry):
            return [entry]
        self._idle[entry] = None
        return self.excess()

    def excess(self) -> list[Entry]:
        """The entries, longest unused first, without which the rest fits."""
        excess = self.bytes - self._max_bytes
        evicted: list[Entry] = []
        for oldest in self._idle:
            if excess <= 0:
                break
            excess -= oldest.size
            evicted.append(oldest)
        return evicted

    def wake(self, entry: Entry) -> None:
        """Somebody watches the entry (again)."""
        self._idle.pop(entry, None)

    def used(self, entry: Entry) -> None:
        """The entry answered somebody who does not stay."""
        self.hits_once += 1
        if entry in self._idle:
            self._idle.move_to_end(entry)

    def drop(self, entry: Entry) -> None:
        self._index.remove(entry)
        self._idle.pop(entry, None)
        self._entries.pop(entry, None)
        self.unlist(entry)
        self.bytes -= entry.size
        entry.size = 0

    def unlist(self, entry: Entry) -> None:
        """Newcomers are not led to this entry any more."""
        if entry.personal:
            if self._personal.get((entry.key, entry.caller.identity)) is entry:
                del self._personal[entry.key, entry.caller.identity]
        elif self._shared.get(entry.key) is entry:
            del self._shared[entry.key]

    def forget_identity_use(self) -> None:
        """New code is live: nothing is known about what its functions look at."""
        self._identity_paths.clear()

    def all_entries(self) -> list[Entry]:
        return list(self._entries)

    def _is_listed(self, entry: Entry) -> bool:
        if entry.personal:
            return self._personal.get((entry.key, entry.caller.identity)) is entry
        return self._shared.get(entry.key) is entry
