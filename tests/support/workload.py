"""The workload on tests/consistency/backend: what clients ask for, and the history that comes of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .history import Append, History, Operation, Read, Status
from .serializability import version_orders
from .sync_messages import Json, Watched

#: Appends after which the workload goes on to new lists, so that lists stay short.
_ROTATE = 60
_PAGE = 5


class Keys:
    """The lists that are in use now, and the numbers that were not."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._generation = 0
        self._appends = 0
        self._value = 0
        #: All lists that were ever in use.
        self.known: set[str] = set()

    def pick(self) -> str:
        """A list to read."""
        number = 10 * self._generation + self._chance.randrange(3)
        key = f"{self._chance.choice(['cell', 'cell', 'group', 'band'])}:{number}"
        self.known.add(key)
        return key

    def pick_some(self) -> list[str]:
        """Lists to read together; often one alone, so that many clients ask for the same."""
        count = self._chance.choice([1, 1, 1, 2, 3, 4])
        return sorted({self.pick() for _ in range(count)})

    def pick_group(self) -> str:
        return str(10 * self._generation + self._chance.randrange(3))

    def first_band(self) -> int:
        return 10 * self._generation

    def append(self, verb: str) -> str:
        """A step that appends a new number."""
        self._value += 1
        self._appends += 1
        if self._appends >= _ROTATE:
            self._appends = 0
            self._generation += 1
        base = 10 * self._generation
        group, band = base + self._chance.randrange(3), base + self._chance.randrange(3)
        if self._chance.random() < 0.5:
            self.known.add(f"cell:{group}")
            return f"{verb} cell:{group} {self._value}"
        self.known.update((f"group:{group}", f"band:{band}"))
        return f"{verb} entry:{group}:{band} {self._value}"

    def append_own(self) -> str:
        self._value += 1
        return f"append cell:mine {self._value}"


def make_steps(keys: Keys, chance: random.Random, *, signed_in: bool = False) -> list[str]:
    """One transaction."""
    steps: list[str] = []
    for _ in range(chance.randint(1, 4)):
        roll = chance.random()
        if roll < 0.5:
            steps.append(f"read {keys.pick()}")
        elif signed_in and roll < 0.6:
            steps += [keys.append_own(), "read cell:mine"]
        else:
            steps.append(keys.append(chance.choice(["append", "append", "append", "nested", "undone"])))
    return steps


def own_list(subject: str) -> str:
    """What others call the `cell:mine` of a user."""
    return f"cell:of {subject}"


@dataclass(slots=True)
class Asked:
    """A transaction that a client asked for."""

    name: str
    steps: Sequence[str]
    subject: str | None
    status: Status
    invoked: float
    found: Sequence[Sequence[float]] = ()
    returned: float | None = None
    ts: int | None = None
    #: How many transitions its client had taken before the first one that shows it. None: that is not known.
    transitions: int | None = None
    #: The one of the same client that comes before it.
    before: Asked | None = None
    #: Its place in the history.
    number: int = -1


@dataclass(slots=True)
class Seen:
    """What a client was shown at one moment: function, arguments and value of each query."""

    name: str
    ts: int | None
    queries: Sequence[tuple[str, Json, Any]]
    subject: str | None
    invoked: float | None
    returned: float


@dataclass
class Journal:
    """All that happened, in the order in which each client noticed it."""

    asked: list[Asked] = field(default_factory=list[Asked])
    #: By client: each client sees them in this order.
    seen: dict[str, list[Seen]] = field(default_factory=dict[str, list[Seen]])

    def history(self) -> History:
        """As transactions. Derived values (totals) are taken for reads of the lists that they were made from."""
        history = History()
        for asked in self.asked:
            _add_asked(history, asked)
        following: dict[tuple[str, int], list[int]] = {}
        for asked in self.asked:
            if asked.transitions is not None:
                client = asked.name.partition(" ")[0]
                following.setdefault((client, asked.transitions), []).append(asked.number)
        derived: list[tuple[list[Operation], Seen]] = []
        for client, seen in self.seen.items():
            before: list[int] = []
            for place, each in enumerate(seen):
                operations: list[Operation] = [*reads_of(each)]
                after = [*before, *following.get((client, place), ())]
                transaction = history.add(
                    each.name,
                    operations,
                    invoked=each.invoked,
                    returned=each.returned,
                    after=after,
                    ts=each.ts,
                )
                before = [transaction.number]
                derived.append((operations, each))
        orders = version_orders(history)
        for reads, each in derived:
            reads += _reads_of_totals(each, orders)
        return history


def _add_asked(history: History, asked: Asked) -> None:
    operations: list[Operation] = []
    undone: list[Operation] = []
    found = iter(asked.found)
    for step in asked.steps:
        verb, key, *value = step.split()
        if verb == "read":
            if asked.status is Status.OK:
                operations.append(Read(_own(key, asked.subject), _whole(next(found))))
        elif verb == "undone":
            undone += _appends(key, int(value[0]), asked.subject)
        else:
            operations += _appends(key, int(value[0]), asked.subject)
    after = () if asked.before is None or asked.before.number < 0 else (asked.before.number,)
    transaction = history.add(
        asked.name,
        operations,
        asked.status,
        invoked=asked.invoked,
        returned=asked.returned,
        after=after,
        ts=asked.ts,
    )
    asked.number = transaction.number
    if undone:
        history.add(f"what {asked.name} undid", undone, Status.FAILED)


def _appends(key: str, value: int, subject: str | None) -> Iterator[Append]:
    kind, name, *band = key.split(":")
    if kind == "entry":
        yield Append(f"group:{name}", value)
        yield Append(f"band:{band[0]}", value)
    else:
        yield Append(_own(key, subject), value)


def _own(key: str, subject: str | None) -> str:
    return own_list(subject) if key == "cell:mine" and subject else key


def _whole(values: Sequence[float]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def reads_of(seen: Seen) -> Iterator[Read]:
    """The lists that were shown whole."""
    pages: dict[str, list[tuple[Json, Json]]] = {}
    for path, args, value in seen.queries:
        if path in ("lists:read", "lists:read_slowly"):
            for key, values in zip(args["keys"], value, strict=True):
                yield Read(_own(key, seen.subject), _whole(values))
        elif path == "lists:bands":
            # The bands of this generation: those without an entry are not in the result.
            for number in range(int(args["first"]), int(args["first"]) + 3):
                yield Read(f"band:{number}", _whole(value.get(f"band:{number}", ())))
        elif path == "lists:page":
            pages.setdefault(args["group"], []).append((args["paginationOpts"], value))
    for group, parts in pages.items():
        whole = _join(parts)
        if whole is not None:
            yield Read(f"group:{group}", whole)


def _join(parts: Sequence[tuple[Json, Json]]) -> tuple[int, ...] | None:
    """The list whose pages these are, if they are all of it. Pages have the newest first."""
    by_cursor = {options["cursor"]: page for options, page in parts}
    values: list[float] = []
    cursor: str | None = None
    while cursor in by_cursor:
        page = by_cursor[cursor]
        values += page["page"]
        if page["isDone"]:
            return _whole(values[::-1])
        cursor = page["continueCursor"]
    return None


def next_page(queries: Mapping[int, Watched], group: str) -> Json | None:
    """The arguments of the page of `group` to ask for next; None while one is on its way, and when all are there."""
    pages = {
        query.args["paginationOpts"]["cursor"]: query
        for query in queries.values()
        if query.path == "lists:page" and query.args["group"] == group
    }
    cursor: str | None = None
    while cursor in pages:
        page = pages[cursor]
        if page.shown is None or page.failed or page.value["isDone"]:
            return None
        cursor = page.value["continueCursor"]
    return {"group": group, "paginationOpts": {"numItems": _PAGE, "cursor": cursor, "id": 1}}


def _reads_of_totals(seen: Seen, orders: Mapping[str, tuple[int, ...]]) -> Iterator[Read]:
    for path, args, value in seen.queries:
        if path != "lists:totals":
            continue
        for key, total in zip(args["keys"], value, strict=True):
            values = orders.get(key, ())[: int(total["count"])]
            if (len(values), sum(values)) != (total["count"], total["sum"]):
                values = (-1,)  # Nobody appended that: the checker says so.
            yield Read(key, values)
