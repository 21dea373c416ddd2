"""How many calls may wait to be made, and a bound on how many do. Belongs to the commit lane's thread.

Not a count that every change of a job keeps: what was scheduled is added to what was last counted, as if none of it had
ended or been undone since. Only when this reaches the limit the index is counted anew, which takes some 30 ms for a
million, and not again within a second: far from the limit scheduling costs an addition.
"""

from __future__ import annotations

from typing import Final

from syncline.database import END, Catalog, Transaction
from syncline.kernel.errors import LimitError
from syncline.kernel.limits import Limits
from syncline.system import ScheduledJob
from syncline.values import encode_key_part, prefix_end

_PREFIX: Final = encode_key_part("pending")
_PAUSE_US: Final = 1_000_000


class PendingJobs:
    """The bound of a process."""

    __slots__ = ("_bound", "_counted_us")

    def __init__(self) -> None:
        #: Not fewer wait, but for what one batch of the lane adds unseen. None: nothing was counted yet.
        self._bound: int | None = None
        self._counted_us = 0

    def admit(self, transaction: Transaction, catalog: Catalog, limits: Limits, own: int) -> None:
        """One more is scheduled, by a mutation that has scheduled `own` before it. Raises LimitError if too many wait."""
        limit = limits.scheduled_pending
        if self._bound is None or (
            self._bound >= limit and abs(transaction.now_us - self._counted_us) >= _PAUSE_US
        ):
            index = catalog.of(ScheduledJob).by_index[ScheduledJob.by_state].id
            found = transaction.snapshot.count(index, _PREFIX, prefix_end(_PREFIX) or END)
            self._bound, self._counted_us = found + own, transaction.now_us
        if self._bound >= limit:
            raise LimitError(
                f"scheduled pending: {limit:,} calls wait to be made, which is the limit. See what waits with `syncline jobs`, "
                "cancel what is not needed, and let one scheduled call do the work of many. If that many are meant, raise "
                "scheduled_pending under [tool.syncline.limits] in pyproject.toml"
            )
        self._bound += 1
