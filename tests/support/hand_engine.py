"""An engine whose queries are answered by the test."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.database import ReadSet
from syncline.functions import QueryJob, QueryResult, Success

from .model_engine import ModelEngine


class HandEngine(ModelEngine):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, QueryJob]] = []

    def run_queries(self, round: int, jobs: Sequence[QueryJob]) -> None:
        self.asked += [(round, job) for job in jobs]

    def end_round(self, round: int) -> None:
        pass

    def answer(self, value: bytes, *, used_now: bool = False, tick_ns: int | None = None) -> None:
        """Answer the one query that was asked, which read nothing, as of the head."""
        ((round, job),) = self.asked
        self.asked.clear()
        result = QueryResult(job.token, Success(value), None, ReadSet(), False, used_now, tick_ns, 0.001)
        assert self.listener is not None
        self.listener.on_results(round, self.head_ts, [result])
