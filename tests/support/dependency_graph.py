"""Who must come before whom, and the cycles in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag

from .history import History, Transaction


class Dependency(IntFlag):
    #: It wrote the version before.
    WW = 1
    #: It wrote what was read.
    WR = 2
    #: It did not see what was written.
    RW = 4
    #: The same client saw it before.
    SESSION = 8
    #: It had ended before the other began.
    TIME = 16


_DATA = Dependency.WW | Dependency.WR

#: From the weakest to the strongest: the kinds of dependencies in a cycle, how many RW it may have, and its name.
_KINDS: tuple[tuple[Dependency, int, str], ...] = (
    (Dependency.WW, 0, "G0"),
    (_DATA, 0, "G1c"),
    (_DATA, 1, "G-single"),
    (_DATA, 2, "G2-item"),
    (_DATA | Dependency.SESSION, 2, "session"),
    (_DATA | Dependency.SESSION | Dependency.TIME, 0, "out-of-time"),
    (_DATA | Dependency.SESSION | Dependency.TIME, 2, "stale-read"),
)


@dataclass(frozen=True, slots=True)
class Cycle:
    name: str
    #: Nodes with the kind of dependency to the next one.
    steps: tuple[tuple[int, Dependency], ...]

    def describe(self, history: History) -> str:
        count = len(history.transactions)
        parts: list[str] = []
        for node, kind in self.steps:
            # Nodes beyond the transactions are moments.
            if node < count:
                parts.append(history.transactions[node].name)
            if node < count or kind is not Dependency.TIME:
                parts.append(f"-{kind.name}->")
        return " ".join([*parts, "the first"])


class Graph:
    def __init__(self, count: int) -> None:
        self._edges: list[dict[int, Dependency]] = [{} for _ in range(count)]

    def add(self, before: Transaction | None, behind: Transaction | None, kind: Dependency) -> None:
        if before is not None and behind is not None and before is not behind:
            self._link(before.number, behind.number, kind)

    def _link(self, before: int, behind: int, kind: Dependency) -> None:
        edges = self._edges[before]
        edges[behind] = edges.get(behind, Dependency(0)) | kind

    def add_times(self, transactions: Iterable[Transaction]) -> None:
        """What had ended before something else began.

        A chain of moments stands for the edges between all pairs of transactions, of which there are too many.
        """
        events: list[tuple[float, int, Transaction]] = []
        for transaction in transactions:
            if transaction.invoked is not None:
                events.append((transaction.invoked, 0, transaction))
            if transaction.returned is not None:
                events.append((transaction.returned, 1, transaction))
        events.sort(key=lambda event: event[:2])
        moment: int | None = None
        for _, ends, transaction in events:
            if not ends:
                if moment is not None:
                    self._link(moment, transaction.number, Dependency.TIME)
                continue
            self._edges.append({})
            following = len(self._edges) - 1
            if moment is not None:
                self._link(moment, following, Dependency.TIME)
            self._link(transaction.number, following, Dependency.TIME)
            moment = following

    def cycles(self) -> Iterator[Cycle]:
        """One cycle for each part of the graph that has any: the one of the weakest kind."""
        for part in self._components():
            for kinds, most_rw, name in _KINDS:
                steps = self._find(part, kinds, most_rw)
                if steps is not None:
                    yield Cycle(name, steps)
                    break
            else:
                raise AssertionError("a component without a cycle")

    def _find(
        self, part: set[int], kinds: Dependency, most_rw: int
    ) -> tuple[tuple[int, Dependency], ...] | None:
        if most_rw == 1:
            for start in part:
                for end, kind in self._edges[start].items():
                    if end in part and kind & Dependency.RW:
                        path = self._path(part, end, start, kinds)
                        if path is not None:
                            return ((start, Dependency.RW), *path)
            return None
        allowed = kinds if most_rw == 0 else kinds | Dependency.RW
        return next(filter(None, (self._path(part, start, start, allowed) for start in part)), None)

    def _path(
        self, part: set[int], start: int, end: int, kinds: Dependency
    ) -> tuple[tuple[int, Dependency], ...] | None:
        """A shortest way of at least one step."""
        came: dict[int, tuple[int, Dependency]] = {}
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for following, kind in self._edges[node].items():
                if not kind & kinds or following not in part or following in came:
                    continue
                came[following] = node, _weakest(kind & kinds)
                if following == end:
                    return self._way_back(came, start, end)
                queue.append(following)
        return None

    def _way_back(
        self, came: dict[int, tuple[int, Dependency]], start: int, end: int
    ) -> tuple[tuple[int, Dependency], ...]:
        steps = [came[end]]
        while steps[-1][0] != start:
            steps.append(came[steps[-1][0]])
        return tuple(reversed(steps))

    def _components(self) -> Iterator[set[int]]:
        """Strongly connected components of more than one node: Tarjan's algorithm, without recursion."""
        index: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        on_stack: set[int] = set()
        for root in range(len(self._edges)):
            if root in index:
                continue
            work = [(root, iter(self._edges[root]))]
            index[root] = low[root] = len(index)
            stack.append(root)
            on_stack.add(root)
            while work:
                node, following = work[-1]
                for each in following:
                    if each not in index:
                        index[each] = low[each] = len(index)
                        stack.append(each)
                        on_stack.add(each)
                        work.append((each, iter(self._edges[each])))
                        break
                    if each in on_stack:
                        low[node] = min(low[node], index[each])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == index[node]:
                        part = _pop_to(stack, node)
                        on_stack -= part
                        if len(part) > 1:
                            yield part


def _pop_to(stack: list[int], node: int) -> set[int]:
    part: set[int] = set()
    while node not in part:
        part.add(stack.pop())
    return part


def _weakest(kinds: Dependency) -> Dependency:
    return next(kind for kind in Dependency if kind & kinds)
