"""Scheduled mutations that are all due at once: how fast they are done, and what that does to a client's mutations."""

from __future__ import annotations

import statistics
import time

from bench.report import Budget, Figure, Report, number
from bench.server import Server
from bench.settings import Settings

JOBS = 20_000
AT_ONCE = 1_000


def scheduled(settings: Settings, report: Report) -> None:
    """20,000 jobs that fall due at the same moment."""
    report.begin(f"scheduled: {JOBS:,} mutations that are due at once")
    rates: list[float] = []
    waits: list[float] = []
    for _ in range(settings.repeat):
        with Server(settings.new_data()) as server:
            rate, times = _drain(server)
        rates.append(rate)
        waits += times
    rate = statistics.median(rates)
    report.add(
        "scheduled",
        Figure("scheduled mutations", rate, "1/s", Budget(2_000, at_least=True)),
        {"rates": rates},
    )
    slow = statistics.quantiles(waits, n=20)[-1]
    note = f"p50 {number(1000 * statistics.median(waits))} ms"
    report.add("scheduled", Figure("a client's mutation meanwhile, p95", 1000 * slow, "ms", None, (note,)))


def _drain(server: Server) -> tuple[float, list[float]]:
    began = time.perf_counter()
    for first in range(0, JOBS, AT_ONCE):
        seconds = max(0.0, 5.0 - (time.perf_counter() - began))
        _call(server, "mutation", "plan", first=first, count=AT_ONCE, seconds=seconds)
    while not _call(server, "query", "newest"):
        time.sleep(0.005)
    started = time.perf_counter()
    waits: list[float] = []
    while (done := _call(server, "query", "exact")) != JOBS:
        before = time.perf_counter()
        _call(server, "mutation", "click")
        waits.append(time.perf_counter() - before)
        time.sleep(0.02 if isinstance(done, float) and done < JOBS * 0.9 else 0.005)
    return JOBS / (time.perf_counter() - started), waits


def _call(server: Server, kind: str, name: str, **args: object) -> object:
    answer = server.http.post(f"/api/{kind}", json={"path": f"scheduled:{name}", "args": args}).json()
    assert answer["status"] == "success", answer
    value: object = answer["value"]
    return value
