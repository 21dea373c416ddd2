"""A database that is a dictionary, and an application on it: both what the model engine runs and what it is checked by.

Documents are integers under (group, name). Every commit keeps the whole state, so that any query can be evaluated
at any timestamp ever after.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from syncline.database import CommitRecord, EntryChange, ReadRange, ReadSet
from syncline.functions import Failure, Success, make_failure
from syncline.kernel.errors import AppError, CursorError, FunctionNotFoundError
from syncline.kernel.identity import Caller
from syncline.values import InvalidValueError, Value, decode_json, encode_json

INDEX = 10001
GROUPS = ("aa", "bb", "cc")
NAMES = tuple(f"{number:02d}" for number in range(8))
END_OF_GROUP = "zz"

State = Mapping[tuple[str, str], int]


@dataclass(slots=True)
class Evaluation:
    """What a query gives: `value` or `error`, and everything it depends on."""

    value: Value = None
    error: AppError | CursorError | FunctionNotFoundError | None = None
    journal: str | None = None
    ranges: list[ReadRange] = field(default_factory=list[ReadRange])
    used_identity: bool = False

    def outcome(self, request_id: str) -> Success | Failure:
        if self.error is None:
            return Success(encode_json(self.value))
        return make_failure(self.error, request_id=request_id, redact=False, raised_by_function=False)

    @property
    def shown(self) -> object:
        """What a client should hold, without what differs from run to run."""
        outcome = self.outcome("0" * 16)
        if isinstance(outcome, Success):
            return ("value", msgspec.json.decode(outcome.value), self.journal)
        data = None if outcome.data is None else msgspec.json.decode(outcome.data)
        return ("error", outcome.message.partition("]")[2], data)


class History:
    """The database at every commit, and which release of the application was live then."""

    def __init__(self, first_ts: int) -> None:
        self.head = first_ts
        self.release = 0
        self._timestamps = [first_ts]
        self._states: list[State] = [{}]
        self._releases = [0]

    def commit(self, ts: int, changes: Mapping[tuple[str, str], int | None]) -> CommitRecord:
        assert ts > self.head
        state = dict(self._states[-1])
        for key, number in changes.items():
            if number is None:
                state.pop(key, None)
            else:
                state[key] = number
        self._append(ts, state)
        entries = [EntryChange(INDEX, f"{group}{name}".encode(), (2, 4)) for group, name in changes]
        return CommitRecord(ts, tuple(entries))

    def switch(self, ts: int) -> None:
        """A commit by which the next release comes into force."""
        self.release += 1
        self._append(ts, self._states[-1])

    def _append(self, ts: int, state: State) -> None:
        self.head = ts
        self._timestamps.append(ts)
        self._states.append(state)
        self._releases.append(self.release)

    def state(self, ts: int | None = None) -> State:
        return self._states[self._at(ts)]

    def evaluate(
        self,
        path: str,
        args: Mapping[str, Value],
        caller: Caller,
        ts: int | None = None,
        journal: str | None = None,
    ) -> Evaluation:
        """The query as of `ts`, by the release that was live then."""
        at = self._at(ts)
        return _Run(self._states[at], self._releases[at], caller, journal).call(path, args)

    def _at(self, ts: int | None) -> int:
        return len(self._states) - 1 if ts is None else bisect_right(self._timestamps, ts) - 1


class _Run:
    def __init__(self, state: State, release: int, caller: Caller, journal: str | None) -> None:
        self._state = state
        self._release = release
        self._caller = caller
        self._journal = journal
        self._found = Evaluation()

    def call(self, path: str, args: Mapping[str, Value]) -> Evaluation:
        function = {
            "m:point": self._point,
            "m:sum": self._sum,
            "m:slow": self._sum,
            "m:range": self._range,
            "m:mine": self._mine,
            "m:sometimes": self._sometimes,
            "m:odd": self._odd,
            "m:page": self._page,
            "m:vanishing": self._point if self._release % 2 == 0 else None,
            "m:internal": self._point if self._caller.admin else None,
        }.get(path)
        if function is None:
            self._found.error = FunctionNotFoundError(f"Could not find public function for '{path}'.")
        else:
            function(args)
        return self._found

    def _point(self, args: Mapping[str, Value]) -> None:
        self._found.value = self._read(text_of(args, "group"), text_of(args, "name"))

    def _sum(self, args: Mapping[str, Value]) -> None:
        # Different in each release, so that results of the wrong one are noticed.
        rows = self._rows(text_of(args, "group"), "", END_OF_GROUP)
        self._found.value = float(sum(rows.values()) + 1000 * self._release)

    def _range(self, args: Mapping[str, Value]) -> None:
        rows = self._rows(text_of(args, "group"), text_of(args, "start"), text_of(args, "stop"))
        self._found.value = {name: float(number) for name, number in rows.items()}

    def _mine(self, args: Mapping[str, Value]) -> None:
        self._found.value = [self._subject(), self._read(text_of(args, "group"), text_of(args, "name"))]

    def _sometimes(self, args: Mapping[str, Value]) -> None:
        number = self._read(text_of(args, "group"), text_of(args, "name")) or 0.0
        self._found.value = [number, self._subject() if number % 2 else None]

    def _odd(self, args: Mapping[str, Value]) -> None:
        number = self._read(text_of(args, "group"), text_of(args, "name")) or 0.0
        if number % 2:
            self._found.error = AppError({"odd": number % 10})
        else:
            self._found.value = number % 10  # Often equal to what it was.

    def _page(self, args: Mapping[str, Value]) -> None:
        """The first `size` documents of a group; as a rerun, all up to where the page once ended."""
        group, size = text_of(args, "group"), max(1, number_of(args, "size", 2))
        end = self._journal
        if end is None:
            names = sorted(name for at, name in self._state if at == group)
            end = names[size - 1] if len(names) >= size else END_OF_GROUP
        elif not end.startswith(tuple(NAMES)) and end != END_OF_GROUP:
            self._found.error = CursorError()
            return
        self._found.journal = end
        rows = self._rows(group, "", end if end == END_OF_GROUP else f"{end}~")
        self._found.value = {"page": [float(number) for number in rows.values()], "continueCursor": end}

    def _read(self, group: str, name: str) -> float | None:
        key = f"{group}{name}".encode()
        self._found.ranges.append(ReadRange(INDEX, key, key, key + b"\x00"))
        number = self._state.get((group, name))
        return None if number is None else float(number)

    def _rows(self, group: str, start: str, stop: str) -> dict[str, int]:
        prefix = group.encode()
        if start == "" and stop == END_OF_GROUP:
            last = prefix[:-1] + bytes([prefix[-1] + 1])
            self._found.ranges.append(ReadRange(INDEX, prefix, prefix, last))
        else:
            self._found.ranges.append(
                ReadRange(INDEX, prefix, prefix + start.encode(), prefix + stop.encode())
            )
        rows = sorted((name, number) for (at, name), number in self._state.items() if at == group)
        return {name: number for name, number in rows if start <= name < stop}

    def _subject(self) -> str | None:
        self._found.used_identity = True
        identity = self._caller.identity
        return None if identity is None else identity.subject


def read_set(evaluation: Evaluation) -> ReadSet:
    return ReadSet(evaluation.ranges)


def arguments(raw: bytes) -> dict[str, Value]:
    """The arguments of a call. These functions have a default for whatever is missing or wrong."""
    try:
        value = decode_json(raw)
    except InvalidValueError:
        return {}
    return value if isinstance(value, dict) else {}


def number_of(args: Mapping[str, Value], name: str, default: int) -> int:
    value = args.get(name)
    return int(value) if isinstance(value, float) and abs(value) < 1e6 else default


def text_of(args: Mapping[str, Value], name: str) -> str:
    value = args.get(name)
    return value if isinstance(value, str) else "00"
