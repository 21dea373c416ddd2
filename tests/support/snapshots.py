"""The snapshot oracle: is what clients saw at each timestamp the state of that timestamp?

Commits with a timestamp that a client was told stand where it says. All others (of clients that died before the
answer, or that asked over HTTP, which tells no timestamp) stand somewhere, and everything that anybody saw narrows
down where: at or before a timestamp at which they were visible, after one at which they were not. Where nothing is
left, a client was shown a state that never was: two queries of one transition from different moments, or a
transition that claims a newer timestamp than its values have.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from .history import Anomaly, History, Status, Transaction
from .serializability import version_orders

_END = 2**63


@dataclass(slots=True)
class _Place:
    """Where a commit stands: at `low` or later and `high` or earlier, and why."""

    low: int = 0
    high: int = _END
    why_low: str = ""
    why_high: str = ""

    def not_before(self, ts: int, why: str) -> bool:
        if ts <= self.low:
            return False
        self.low, self.why_low = ts, why
        return True

    def not_behind(self, ts: int, why: str) -> bool:
        if ts >= self.high:
            return False
        self.high, self.why_high = ts, why
        return True


def check_snapshots(history: History) -> list[Anomaly]:
    """The commits that cannot stand anywhere."""
    return _Oracle(history).run()


class _Oracle:
    def __init__(self, history: History) -> None:
        self._orders = version_orders(history)
        self._transactions = history.transactions
        self._places = {each.number: _Place() for each in history.transactions if each.appends}
        self._writers = {
            (append.key, append.value): each for each in history.transactions for append in each.appends
        }

    def run(self) -> list[Anomaly]:
        for transaction in self._transactions:
            if transaction.status is Status.OK and transaction.ts is not None:
                self._observe(transaction, transaction.ts)
        while self._settle_orders():
            pass
        return [
            Anomaly(
                "snapshot",
                f"{self._transactions[number].name} stands at {place.low} or later, as {place.why_low}; but at "
                f"{place.high} or earlier, as {place.why_high}",
            )
            for number, place in self._places.items()
            if place.low > place.high
        ]

    def _observe(self, transaction: Transaction, ts: int) -> None:
        place = self._places.get(transaction.number)
        if place is not None:
            place.not_before(ts, "its answer says")
            place.not_behind(ts, "its answer says")
            ts -= 1  # It read the state before its own commit.
        own = {(append.key, append.value) for append in transaction.appends}
        for read in transaction.reads:
            values = [value for value in read.values if (read.key, value) not in own]
            order = [value for value in self._orders.get(read.key, ()) if (read.key, value) not in own]
            if order[: len(values)] != values:
                continue  # The other checker reports it.
            if values and (writer := self._place(read.key, values[-1])) is not None:
                writer.not_behind(ts, f"{transaction.name} showed {values[-1]} in {read.key}")
            if len(values) < len(order) and (writer := self._place(read.key, order[len(values)])) is not None:
                writer.not_before(
                    ts + 1, f"{transaction.name} did not show {order[len(values)]} in {read.key}"
                )

    def _place(self, key: str, value: int) -> _Place | None:
        writer = self._writers.get((key, value))
        return None if writer is None else self._places[writer.number]

    def _settle_orders(self) -> bool:
        """Commits to one list stand in the order of its elements. Whether that told anything new."""
        changed = False
        for key, order in self._orders.items():
            places = [place for value in order if (place := self._place(key, value)) is not None]
            for before, behind in pairwise(places):
                if before is not behind:
                    changed |= behind.not_before(
                        before.low + 1, f"it comes in {key} behind one for which {before.why_low}"
                    )
            for behind, before in pairwise(reversed(places)):
                if before is not behind:
                    changed |= before.not_behind(
                        behind.high - 1, f"it comes in {key} before one for which {behind.why_high}"
                    )
        return changed and not any(place.low > place.high for place in self._places.values())
