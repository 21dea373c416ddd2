"""Requests a second: transfer, insert, read."""

from __future__ import annotations

import json

from bench.loader import Measured, run
from bench.report import Budget, Figure, Report, cpu, either, percentiles, raw
from bench.server import Server
from bench.settings import Settings, median

ACCOUNTS = 10_000
BALANCE = 1_000_000
BATCH = 1_000
TRANSFER = '{"source":%k,"target":%o,"amount":1}'
ZIPF = 1.5


def transfer(settings: Settings, report: Report) -> None:
    """Durable transfers of 64 clients over WebSocket, evenly spread and contended (Zipf 1.5)."""
    report.begin("transfer: two reads by unique index, two patches; 64 clients over WebSocket")
    with Server(settings.new_data()) as server:
        open_accounts(server)
        even, contended = list[Measured](), list[Measured]()
        for _ in range(settings.repeat):  # interleaved: a noisy neighbour then disturbs both alike
            even.append(_transfer(settings, server, zipf=0))
            contended.append(_transfer(settings, server, zipf=ZIPF))
        check_balances(server)
    for name, runs in (("uniform", even), (f"zipf {ZIPF}", contended)):
        chosen = median(runs)
        rate = _rate(f"transfer, {name}", chosen, Budget(8_000, at_least=True))
        rate, cost = either(rate, _cost(f"transfer, {name}: CPU", chosen, Budget(110)))
        report.add("transfer", rate, raw(runs))
        report.add("transfer", cost)
    ratio = max(c.rate / e.rate for e, c in zip(even, contended, strict=True))
    report.add("transfer", Figure("contended / uniform, best pair", ratio, "", Budget(0.9, at_least=True)))


def _transfer(settings: Settings, server: Server, zipf: float) -> Measured:
    return run(
        server,
        writers=64,
        outstanding=1,
        keys=ACCOUNTS,
        zipf=zipf,
        write_path="accounts:transfer",
        write=TRANSFER,
        seconds=settings.seconds,
        warmup=settings.warmup,
    )


def insert(settings: Settings, report: Report) -> None:
    """Durable inserts of a 100-byte message by 16 clients over HTTP."""
    report.begin("insert: a 100-byte message; 16 clients over HTTP, 100 channels")
    body = json.dumps({"path": "messages:send", "args": {"channel": "c%r", "body": "%t" + "x" * 82}})
    with Server(settings.new_data()) as server:
        all_runs = settings.repeated(
            lambda: run(
                server, http="/api/mutation", write=body, writers=16, channels=100,
                seconds=settings.seconds, warmup=settings.warmup,
            )
        )  # fmt: skip
    chosen = median(all_runs)
    report.add("insert", _rate("insert over HTTP", chosen, Budget(6_000, at_least=True)), raw(all_runs))
    report.add("insert", _cost("insert over HTTP: CPU", chosen))


def read(settings: Settings, report: Report) -> None:
    """The cached "latest 50" by 16 clients over HTTP."""
    report.begin("read: cached latest 50; 16 clients over HTTP, 100 channels")
    body = json.dumps(
        {"path": "messages:latest", "args": {"channel": "c%r"}, "format": "convex_encoded_json"}
    )
    with Server(settings.new_data()) as server:
        fill(server, channels=100, count=5_000)
        answer = json.dumps(server.call("query", "messages:latest", channel="c1"))
        all_runs = settings.repeated(
            lambda: run(
                server, http="/api/query", write=body, writers=16, channels=100,
                seconds=settings.seconds, warmup=settings.warmup,
            )
        )  # fmt: skip
    chosen = median(all_runs)
    report.note(f"a result is {len(answer):,} bytes")
    report.add("read", _rate("read over HTTP", chosen, Budget(20_000, at_least=True)), raw(all_runs))
    report.add("read", _cost("read over HTTP: CPU", chosen))


def open_accounts(server: Server) -> None:
    for first in range(0, ACCOUNTS, BATCH):
        server.call("mutation", "accounts:open_many", first=first, count=BATCH, balance=BALANCE)


def check_balances(server: Server) -> None:
    """No transfer may be lost or doubled: the sum stays what it was."""
    total = 0.0
    for first in range(0, ACCOUNTS, BATCH):
        part = server.call("query", "accounts:total", first=first, count=BATCH)
        assert isinstance(part, int | float)
        total += part
    if total != ACCOUNTS * BALANCE:
        raise RuntimeError(f"the balances add up to {total:,.0f}, not {ACCOUNTS * BALANCE:,}")


def fill(server: Server, *, channels: int, count: int, size: int = 100) -> None:
    """Store `count` messages, spread evenly over the channels c0, c1, ..."""
    for first in range(0, count, BATCH):
        server.call(
            "mutation",
            "messages:fill",
            channels=channels,
            first=first,
            count=min(BATCH, count - first),
            size=size,
        )


def _rate(name: str, measured: Measured, budget: Budget | None = None) -> Figure:
    notes = (percentiles(measured.request_us), cpu(measured, measured.request_us.count))
    return Figure(name, measured.rate, "/s", budget, notes)


def _cost(name: str, measured: Measured, budget: Budget | None = None) -> Figure:
    return Figure(name, measured.server_cpu_us / measured.request_us.count, "us", budget)
