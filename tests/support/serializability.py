"""A checker of histories of list appends: is there one order of all transactions that explains what clients saw?

The method is that of Elle (Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental
observations", 2020), for lists. A read of a list shows in which order its elements were appended, so:

1. the longest read of a list is the order of its versions; every other read must be a beginning of it;
2. some anomalies show directly: elements twice, from failed or unfinished transactions, or lost;
3. dependencies follow: who wrote after whom (ww), read from whom (wr), and did not yet see whom (rw); with them go
   what the same client saw before (session), and what had ended before something began (time);
4. a cycle of dependencies is an anomaly, and the weakest kinds of dependencies that still make one name it.

`check` looks for everything that breaks *strict* serializability, and returns what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from .dependency_graph import Dependency, Graph
from .history import Anomaly, Append, History, Read, Status, Transaction

#: Anomalies of one kind that are told; a broken system has thousands.
_MOST_OF_A_KIND = 5


def check(history: History) -> list[Anomaly]:
    """The anomalies of a history; none if it is strictly serializable."""
    return Checker(history).run()


def version_orders(history: History) -> dict[str, tuple[int, ...]]:
    """The elements of each list that anybody read, in the order of their appends."""
    orders: dict[str, tuple[int, ...]] = {}
    for transaction in history.transactions:
        if transaction.status is Status.OK:
            for read in transaction.reads:
                if len(read.values) > len(orders.get(read.key, ())):
                    orders[read.key] = read.values
    return orders


class Checker:
    def __init__(self, history: History) -> None:
        self._history = history
        self._orders = version_orders(history)
        self._writers: dict[tuple[str, int], Transaction] = {}
        #: What each transaction read of each list, without its own appends.
        self._seen: dict[tuple[int, str], tuple[int, ...]] = {}
        self._found: dict[str, list[Anomaly]] = {}

    def run(self) -> list[Anomaly]:
        for transaction in self._history.transactions:
            for append in transaction.appends:
                other = self._writers.setdefault((append.key, append.value), transaction)
                assert other is transaction, f"{append} is in two transactions: the workload is wrong"
        for transaction in self._committed():
            self._check_inside(transaction)
        for transaction in self._committed():
            for read in transaction.reads:
                self._check_read(transaction, read)
        self._check_lost()
        for cycle in self._graph().cycles():
            self._report(cycle.name, cycle.describe(self._history))
        return [anomaly for kind in self._found.values() for anomaly in kind[:_MOST_OF_A_KIND]]

    def _committed(self) -> Iterator[Transaction]:
        return (each for each in self._history.transactions if each.status is Status.OK)

    def _report(self, name: str, detail: str) -> None:
        self._found.setdefault(name, []).append(Anomaly(name, detail))

    # What one transaction or one list shows

    def _check_inside(self, transaction: Transaction) -> None:
        """A transaction sees its own appends, behind a state that does not change under it."""
        own: dict[str, tuple[int, ...]] = {}
        for operation in transaction.operations:
            key = operation.key
            before = self._seen.get((transaction.number, key))
            mine = own.get(key, ())
            if isinstance(operation, Append):
                own[key] = (*mine, operation.value)
            elif before is not None and operation.values != before + mine:
                self._report(
                    "internal",
                    f"{transaction.name} read {key} = {operation.values}, and before {before} and appended {mine}",
                )
            elif operation.values[len(operation.values) - len(mine) :] != mine:
                self._report(
                    "internal",
                    f"{transaction.name} appended {mine} to {key} and then read {operation.values}",
                )
            elif before is None:
                self._seen[transaction.number, key] = operation.values[: len(operation.values) - len(mine)]

    def _check_read(self, transaction: Transaction, read: Read) -> None:
        key, values = read.key, read.values
        if len(set(values)) < len(values):
            twice = sorted({value for value in values if values.count(value) > 1})
            self._report("duplicate-append", f"{transaction.name} read {key} with {twice} more than once")
        if self._orders.get(key, ())[: len(values)] != values:
            self._report(
                "incompatible-order",
                f"{transaction.name} read {key} = {values}, but its order is {self._orders[key]}",
            )
        for value in values:
            writer = self._writers.get((key, value))
            if writer is None:
                self._report("nowhere", f"{transaction.name} read {value} in {key}, which nobody appended")
            elif writer.status is Status.FAILED:
                self._report(
                    "G1a", f"{transaction.name} read {value} in {key} of {writer.name}, which failed"
                )
        seen = self._seen.get((transaction.number, key), ())
        writer = self._writers.get((key, seen[-1])) if seen else None
        if writer is not None and seen[-1] != _last(writer, key):
            self._report("G1b", f"{transaction.name} read {key} from the middle of {writer.name}: {seen}")

    def _check_lost(self) -> None:
        """What was acknowledged is there for everybody who reads afterwards."""
        newest: dict[str, tuple[float, Transaction]] = {}
        for transaction in self._committed():
            for read in transaction.reads:
                invoked = transaction.invoked
                if invoked is not None and invoked > newest.get(read.key, (-1.0, transaction))[0]:
                    newest[read.key] = invoked, transaction
        for transaction in self._committed():
            for append in transaction.appends:
                if append.value in self._orders.get(append.key, ()) or transaction.returned is None:
                    continue
                asked, reader = newest.get(append.key, (-1.0, transaction))
                if asked > transaction.returned:
                    self._report(
                        "lost-append",
                        f"{reader.name} did not find {append.value} in {append.key}, acknowledged to {transaction.name}",
                    )

    # What all of them show together

    def _graph(self) -> Graph:
        transactions = self._history.transactions
        graph = Graph(len(transactions))
        for key, order in self._orders.items():
            writers = [self._writers.get((key, value)) for value in order]
            for before, behind in pairwise(writers):
                graph.add(before, behind, Dependency.WW)
        for (number, key), seen in self._seen.items():
            order = self._orders.get(key, ())
            if order[: len(seen)] != seen:
                continue  # Reported already.
            reader = transactions[number]
            if seen:
                graph.add(self._writers.get((key, seen[-1])), reader, Dependency.WR)
            overlooked = (self._writers.get((key, value)) for value in order[len(seen) :])
            graph.add(reader, next((each for each in overlooked if each is not reader), None), Dependency.RW)
        for transaction in transactions:
            for number in transaction.after:
                graph.add(transactions[number], transaction, Dependency.SESSION)
        graph.add_times(each for each in transactions if each.status is not Status.FAILED)
        return graph


def _last(writer: Transaction, key: str) -> int | None:
    return next((append.value for append in reversed(writer.appends) if append.key == key), None)
