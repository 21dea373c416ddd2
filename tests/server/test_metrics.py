"""`GET /metrics`: what it says, in which form, and to whom."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from support.jobs import JOBS
from support.serving import Running, running
from support.sockets import SyncSocket
from syncline.functions.statistics import Statistics
from syncline.http.metrics import Family, Sample, histogram, render, single
from syncline.kernel.durations import BOUNDS, Durations

_LINE = re.compile(r'([a-z_]+)(\{[a-z]+="[^"\n]*"(?:,[a-z]+="[^"\n]*")*\})? ([0-9.e+-]+)').fullmatch

ACCOUNTS = """
    from syncline import App
    from syncline.auth import Password

    app = App(auth=[Password()])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(tmp_path_factory.mktemp("metrics"), {"jobs": JOBS}) as server:
        yield server


def scrape(server: Running) -> dict[str, float]:
    """All figures by name and labels, after a look at the form of every line."""
    answer = server.http.get("/metrics", headers={"Authorization": f"Convex {server.admin_key}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, float] = {}
    typed: set[str] = set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            match = _LINE(line)
            assert match is not None, line
            name = match[1]
            assert name in typed or re.sub("_(bucket|sum|count)$", "", name) in typed
            key = f"{name}{match[2] or ''}"
            assert key not in found
            found[key] = float(match[3])
    return found


def test_strangers_get_no_metrics(server: Running) -> None:
    answer = server.http.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (403, "BadDeployKey")
    assert "syncline_" not in answer.text


def test_functions_are_counted_by_name_type_and_result(server: Running) -> None:
    name = 'function="jobs:add",type="mutation"'
    before = scrape(server).get(f'syncline_function_calls_total{{{name},result="failure"}}', 0)
    server.value("mutation", "jobs:add", text="good")
    server.post("mutation", path="jobs:add", args={"text": "bad"})
    server.value("query", "jobs:texts")
    server.value("query", "jobs:texts")
    found = scrape(server)
    assert found[f'syncline_function_calls_total{{{name},result="failure"}}'] == before + 1
    calls = sum(
        found[f'syncline_function_calls_total{{{name},result="{each}"}}'] for each in ("success", "failure")
    )
    assert found[f"syncline_function_seconds_count{{{name}}}"] == calls
    assert found[f'syncline_function_seconds_bucket{{{name},le="+Inf"}}'] == calls
    assert found['syncline_queries_total{cache="hit"}'] >= 1
    assert found['syncline_queries_total{cache="miss"}'] >= 1
    assert found["syncline_commit_seconds_count"] >= 1
    assert found["syncline_wal_bytes"] > 0
    assert not [key for key in found if "_system/" in key]


def test_jobs_are_counted(server: Running) -> None:
    before = scrape(server)
    server.value("mutation", "jobs:later", seconds=0, text="now")
    server.value("mutation", "jobs:later", seconds=0, text="bad")
    server.value("mutation", "jobs:later", seconds=3600, text="in an hour")
    while (found := scrape(server))["syncline_jobs_started_total"] < before[
        "syncline_jobs_started_total"
    ] + 2:
        pass
    assert found["syncline_jobs_failed_total"] == before["syncline_jobs_failed_total"] + 1
    assert found['syncline_jobs{state="due"}'] == 0
    assert found["syncline_jobs_lag_seconds"] == 0
    assert found["syncline_jobs_max_lag_seconds"] > 0


def test_connections_and_subscriptions_come_and_go(server: Running) -> None:
    with SyncSocket(server.port) as socket:
        socket.connect()
        socket.subscribe(0, "jobs:texts")
        socket.value(0)
        found = scrape(server)
        assert found['syncline_connections{kind="websocket"}'] == 1
        assert found['syncline_connections{kind="http"}'] >= 1
        assert found["syncline_subscriptions"] == 1
    while scrape(server)['syncline_connections{kind="websocket"}'] > 0:
        pass
    assert scrape(server)["syncline_subscriptions"] == 0


def test_the_process_describes_itself(server: Running) -> None:
    found = scrape(server)
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert found["process_cpu_seconds_total"] > 0
    assert any(key.startswith("syncline_info{version=") for key in found)
    assert "syncline_mails_waiting" not in found


def test_with_accounts_their_queues_are_there_too(tmp_path: Path) -> None:
    with running(tmp_path, {"app": ACCOUNTS}) as server:
        found = scrape(server)
    assert (found["syncline_mails_waiting"], found["syncline_webhooks_waiting"]) == (0, 0)


def test_the_text_form() -> None:
    families = [
        single("a_total", "counter", "All of a.", 3),
        Family("b", "gauge", "B.", [Sample(0.5, {"name": 'a "b"\\\n'}), Sample(1e20)]),
    ]
    assert render(families).decode() == (
        "# HELP a_total All of a.\n# TYPE a_total counter\na_total 3\n"
        '# HELP b B.\n# TYPE b gauge\nb{name="a \\"b\\"\\\\\\n"} 0.5\nb 1e+20\n'
    )


def test_buckets_of_histograms_add_up() -> None:
    durations = Durations()
    for seconds in (0.0, 0.001, 0.002, 1.0, 1000.0):
        durations.note(seconds)
    found = list(histogram(durations.counts, durations.seconds))
    assert [(each.labels["le"], each.value) for each in found[:-2]] == [
        *zip(map(repr, BOUNDS), [2, 3, 3, 3, 3, 4, 4, 4], strict=True),
        ("+Inf", 5),
    ]
    assert [(each.suffix, each.value) for each in found[-2:]] == [("_sum", 1001.003), ("_count", 5)]


def test_run_times_of_functions_fall_into_the_same_classes(server: Running) -> None:
    definition = server.deployment.engine.release.registry.get("jobs:texts")
    assert definition is not None
    statistics, durations = Statistics(), Durations()
    recorder = statistics.recorder()
    for exponent in range(-7, 3):
        for part in (1, 2.5, 7):
            recorder.note(definition, part * 10.0**exponent, failed=False)
            durations.note(part * 10.0**exponent)
    (totals,) = statistics.totals()
    assert totals.counts == durations.counts
    assert totals.seconds == pytest.approx(durations.seconds)
