"""What `GET /metrics` says: counters that are kept anyway, put into words. No scrape looks at documents or subscribers."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import sysconf
from pathlib import Path
from typing import Final

from syncline import __version__
from syncline.functions.statistics import Statistics
from syncline.http.metrics import Family, Sample, histogram, single
from syncline.jobs import Jobs
from syncline.kernel.durations import Durations
from syncline.store import Store
from syncline.sync import LiveQueries

#: Mails and webhooks that wait; None when the accounts are not on, or have too much to do to say.
Queues = Callable[[Callable[[tuple[int, int] | None], None]], None]

_STATM: Final = Path("/proc/self/statm")


class Metrics:
    """Belongs to the event loop's thread."""

    def __init__(
        self, statistics: Statistics, live: LiveQueries, jobs: Jobs, store: Store, queues: Queues
    ) -> None:
        self._statistics = statistics
        self._live = live
        self._jobs = jobs
        self._store = store
        self._queues = queues
        self._lag = Durations()
        self._began = time.time()

    def note_lag(self, seconds: float) -> None:
        """A timer of the event loop fired so much later than it was to."""
        self._lag.note(max(0.0, seconds))

    def collect(self, then: Callable[[list[Family]], None]) -> None:
        """All figures, now or as soon as the accounts have said theirs."""

        def told(waiting: tuple[int, int] | None) -> None:
            families = [
                *self._of_functions(),
                *self._of_jobs(),
                *self._of_live(),
                *self._of_store(),
                *self._of_process(),
            ]
            if waiting is not None:
                families += _of_accounts(*waiting)
            then(families)

        self._queues(told)

    def _of_functions(self) -> Iterator[Family]:
        calls: list[Sample] = []
        times: list[Sample] = []
        for each in self._statistics.totals():
            labels = {"function": each.path, "type": each.kind.lower()}
            calls.append(Sample(each.calls - each.failures, {**labels, "result": "success"}))
            calls.append(Sample(each.failures, {**labels, "result": "failure"}))
            times += histogram(each.counts, each.seconds, labels)
        yield Family("syncline_function_calls_total", "counter", "Runs of functions.", calls)
        yield Family("syncline_function_seconds", "histogram", "How long runs of functions took.", times)

    def _of_jobs(self) -> Iterator[Family]:
        stats = self._jobs.stats()
        states = [
            Sample(stats.waiting, {"state": "due"}),
            Sample(stats.running, {"state": "running"}),
        ]
        yield Family("syncline_jobs", "gauge", "Scheduled functions that are due or run.", states)
        yield single("syncline_jobs_started_total", "counter", "Scheduled functions started.", stats.started)
        yield single(
            "syncline_jobs_failed_total", "counter", "Scheduled functions that failed.", stats.failed
        )
        yield single(
            "syncline_jobs_lag_seconds", "gauge", "For how long the oldest due one has waited.", stats.lag
        )
        yield single("syncline_jobs_max_lag_seconds", "gauge", "The longest such wait.", stats.max_lag)

    def _of_live(self) -> Iterator[Family]:
        stats = self._live.stats()
        yield single(
            "syncline_subscriptions",
            "gauge",
            "Watched queries, one for each who watches.",
            stats.subscriptions,
        )
        yield single("syncline_cached_queries", "gauge", "Query results held in memory.", stats.entries)
        yield single("syncline_cached_query_bytes", "gauge", "What those take, roughly.", stats.bytes)
        asked = [Sample(stats.hits, {"cache": "hit"}), Sample(stats.misses, {"cache": "miss"})]
        yield Family("syncline_queries_total", "counter", "Queries that were asked once.", asked)
        yield single("syncline_reruns_total", "counter", "Reruns of live queries.", stats.reruns)
        yield single("syncline_deliveries_total", "counter", "Transitions sent to clients.", stats.deliveries)
        yield single(
            "syncline_coalesced_total", "counter", "Transitions left out for slow readers.", stats.coalesced
        )

    def _of_store(self) -> Iterator[Family]:
        commits = self._store.commit_times
        yield Family(
            "syncline_commit_seconds",
            "histogram",
            "How long commits took, the flush included; one commit has many mutations.",
            [*histogram(commits.counts, commits.seconds)],
        )
        yield single(
            "syncline_wal_bytes",
            "gauge",
            "The write-ahead log that is not in the database file yet.",
            self._store.log_bytes,
        )

    def _of_process(self) -> Iterator[Family]:
        lag = [*histogram(self._lag.counts, self._lag.seconds)]
        yield Family(
            "syncline_loop_lag_seconds", "histogram", "How late the event loop was, each second.", lag
        )
        labels = {"version": __version__, "python": sys.version.split()[0]}
        yield Family("syncline_info", "gauge", "The versions that run.", [Sample(1, labels)])
        yield single(
            "process_start_time_seconds", "gauge", "When the process started, Unix time.", self._began
        )
        yield single("process_cpu_seconds_total", "counter", "Processor time used.", time.process_time())
        yield single("process_threads", "gauge", "Threads of Python.", threading.active_count())
        with suppress(OSError):  # Where there is no /proc the figure is missing.
            pages = int(_STATM.read_bytes().split()[1])
            yield single(
                "process_resident_memory_bytes", "gauge", "Resident memory.", pages * sysconf("SC_PAGE_SIZE")
            )


def _of_accounts(mails: int, webhooks: int) -> list[Family]:
    return [
        single("syncline_mails_waiting", "gauge", "Mails that are to be sent.", mails),
        single("syncline_webhooks_waiting", "gauge", "Deliveries of webhooks that are to be made.", webhooks),
    ]
