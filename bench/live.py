"""Live queries: one change to many subscribers, many channels, and the time from commit to subscriber."""

from __future__ import annotations

from bench.loader import Measured, run
from bench.report import Budget, Figure, Report, cpu, either, percentiles, raw
from bench.server import Server
from bench.settings import Settings, median
from bench.throughput import fill

#: A hundred bytes that begin with a stamp, so that subscribers can tell how old an update is.
BODY = "%t" + "x" * 82
#: So many of the latest messages make a result of about 8 KB.
EIGHT_KB = 36


def fanout(settings: Settings, report: Report) -> None:
    """One change to N identical live queries of 8 KB each, one at a time and saturated."""
    for subscribers in (1_000, 5_000):
        report.begin(f"fanout: {subscribers:,} subscribers of one 8 KB result")
        with Server(settings.new_data()) as server:
            fill(server, channels=1, count=EIGHT_KB)
            rounds = 100 if subscribers <= 1_000 else 40
            before = _reruns(server, 1)
            single = _fan(settings, server, subscribers, pace="serial", rounds=rounds, gap=20)
            reruns = _reruns(server, 2) - before
            saturated = [
                _fan(settings, server, subscribers, pace="closed", outstanding=2)
                for _ in range(settings.repeat)
            ]
        _report_fanout(report, subscribers, rounds, reruns, single, saturated)


def _fan(settings: Settings, server: Server, subscribers: int, **options: object) -> Measured:
    return run(
        server,
        subscribers=subscribers,
        subscribe_path="messages:watched",
        subscribe=f'{{"channel":"c0","limit":{EIGHT_KB}}}',
        writers=1,
        write_path="messages:send",
        write=f'{{"channel":"c0","body":"{BODY}"}}',
        seconds=settings.seconds,
        warmup=settings.warmup,
        **options,
    )


def _reruns(server: Server, ask: int) -> float:
    runs = server.call("query", "messages:watched_runs", ask=ask)
    assert isinstance(runs, int | float)
    return runs


def _report_fanout(
    report: Report, subscribers: int, rounds: int, reruns: float, single: Measured, saturated: list[Measured]
) -> None:
    small = subscribers <= 1_000
    last = single.last_delivery_us
    each = f"each delivery {percentiles(single.delivery_us)}, {single.update_bytes:,.0f} bytes"
    name = f"fanout {subscribers:,}: last delivery"
    report.add(
        "fanout",
        Figure(
            f"{name} p50", last.p50 / 1000, "ms", Budget(10) if small else None, (percentiles(last), each)
        ),
        raw([single]),
    )
    report.add("fanout", Figure(f"{name} p99", last.p99 / 1000, "ms", Budget(25) if small else None))
    # The load generator's warm-up rounds and its first subscription are runs too.
    per_change = (reruns - 1) / (rounds + 5)
    report.add("fanout", Figure(f"fanout {subscribers:,}: reruns per change", per_change, "", Budget(1.0)))
    chosen = median(saturated, key=lambda one: one.delivery_rate)
    report.add(
        "fanout",
        Figure(
            f"fanout {subscribers:,}: saturated",
            chosen.delivery_rate,
            "/s",
            Budget(45_000, at_least=True),
            (percentiles(chosen.delivery_us), cpu(chosen, chosen.delivery_us.count)),
        ),
        raw(saturated),
    )


def topics(settings: Settings, report: Report) -> None:
    """1,000 channels with one subscriber each: inserts a second beside the rate without subscribers."""
    report.begin("topics: 1,000 channels, 1,000 subscribers of the latest 50; 16 writers over WebSocket")
    with Server(settings.new_data()) as server:
        fill(server, channels=1_000, count=50_000)
        alone, watched = list[Measured](), list[Measured]()
        for _ in range(settings.repeat):
            alone.append(_topics(settings, server, subscribers=0))
            watched.append(_topics(settings, server, subscribers=1_000))
        moderate = _topics(settings, server, subscribers=1_000, pace="rate", rate=1_000)
    plain, chosen = median(alone), median(watched)
    share = max(w.rate / a.rate for a, w in zip(alone, watched, strict=True))
    rate, ratio = either(
        _inserts("topics: with subscribers", chosen, Budget(4_200, at_least=True)),
        Figure("topics: with / without, best pair", share, "", Budget(0.5, at_least=True)),
    )
    report.add("topics", _inserts("topics: without subscribers", plain), raw(alone))
    report.add("topics", rate, raw(watched))
    report.add("topics", ratio)
    times = chosen.delivery_us
    report.add(
        "topics",
        Figure("topics: delivery p50, saturated", times.p50 / 1000, "ms", None, (percentiles(times),)),
    )
    times = moderate.delivery_us
    report.add(
        "topics",
        Figure("topics: delivery p50 at 1,000/s", times.p50 / 1000, "ms", Budget(5), (percentiles(times),)),
        raw([moderate]),
    )


def _topics(settings: Settings, server: Server, **options: object) -> Measured:
    return run(
        server,
        channels=1_000,
        subscribe_path="messages:latest",
        subscribe='{"channel":"c%c"}',
        writers=16,
        write_path="messages:send",
        write=f'{{"channel":"c%r","body":"{BODY}"}}',
        seconds=settings.seconds,
        warmup=settings.warmup,
        **options,
    )


def _inserts(name: str, measured: Measured, budget: Budget | None = None) -> Figure:
    notes = (percentiles(measured.request_us), cpu(measured, measured.request_us.count))
    return Figure(name, measured.rate, "/s", budget, notes)


def latency(settings: Settings, report: Report) -> None:
    """From sending a mutation to its subscriber's update, at 500 inserts a second on 100 channels."""
    report.begin("latency: 500 inserts/s on 100 channels with one subscriber each (latest 50)")
    with Server(settings.new_data()) as server:
        fill(server, channels=100, count=5_000)
        runs = settings.repeated(
            lambda: run(
                server,
                channels=100,
                subscribers=100,
                subscribe_path="messages:latest",
                subscribe='{"channel":"c%c"}',
                writers=16,
                write_path="messages:send",
                write=f'{{"channel":"c%r","body":"{BODY}"}}',
                pace="rate",
                rate=500,
                seconds=settings.seconds,
                warmup=settings.warmup,
            )
        )
    chosen = median(runs, key=lambda one: one.delivery_us.p99)
    times = chosen.delivery_us
    notes = (percentiles(times), cpu(chosen, chosen.request_us.count))
    report.add(
        "latency", Figure("send to subscriber p50", times.p50 / 1000, "ms", Budget(5), notes), raw(runs)
    )
    report.add("latency", Figure("send to subscriber p99", times.p99 / 1000, "ms", Budget(25)))
    acknowledged = chosen.request_us
    report.add(
        "latency",
        Figure("send to acknowledged p50", acknowledged.p50 / 1000, "ms", None, (percentiles(acknowledged),)),
    )
