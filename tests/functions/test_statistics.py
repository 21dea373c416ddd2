"""What is counted of each function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from support.applications import functions
from support.engines import running, value_of, write_backend
from syncline import Document, Index, MutationCtx, QueryCtx, mutation, query
from syncline.functions.statistics import Statistics
from syncline.kernel.limits import Limits
from syncline.schema import table_of


class Counted(Document):
    name: str
    size: int = 0

    by_name = Index("name")


@mutation
def put(ctx: MutationCtx, name: str) -> None:
    ctx.db.insert(Counted(name=name))


@query
def served(ctx: QueryCtx) -> int:
    return len(ctx.db.query(Counted).where(name="a").all())


@query
def unserved(ctx: QueryCtx, times: int = 1) -> int:
    return sum(len(ctx.db.query(Counted).where(size=3).all()) for _ in range(times))


@query
def broken(ctx: QueryCtx) -> None:
    raise ValueError


def test_calls_reads_and_failures_are_counted_for_each_function() -> None:
    with functions(put, served, unserved, broken, schema=(table_of(Counted),)) as running:
        for name in ("a", "a", "b"):
            running.value("test:put", name=name)
        running.value("test:served")
        running.value("test:unserved")
        running.value("test:unserved", times=2)
        running.failure("test:broken")
        running.failure("test:served", nothing=1)
        found = {report.path: report for report in running.settings.statistics.report()}
    assert found.keys() == {"test:put", "test:served", "test:unserved", "test:broken"}
    assert (found["test:put"].kind, found["test:put"].calls, found["test:put"].max_documents_written) == (
        "Mutation",
        3,
        1,
    )
    one = found["test:served"]
    assert (one.calls, one.failures, one.documents_read, one.unserved_queries) == (2, 1, 2, 0)
    two = found["test:unserved"]
    assert (two.calls, two.failures, two.documents_read, two.unserved_queries) == (2, 0, 9, 3)
    assert two.max_documents_read == 6 and two.max_bytes_read > 200
    assert found["test:broken"].failures == 1
    assert all(
        0 < report.p95_seconds <= report.max_seconds <= report.total_seconds for report in found.values()
    )


def test_the_threads_of_a_process_are_added_up_and_bounded() -> None:
    with functions(served, unserved, schema=(table_of(Counted),)) as running:
        first, second = running.registry.definitions.values()
    statistics = Statistics(replace(Limits(), function_statistics=1))
    one, two = statistics.recorder(), statistics.recorder()
    one.note(first, 0.5, failed=False)
    two.note(first, 0.1, failed=True)
    (report,) = statistics.report()
    assert (report.calls, report.failures, report.max_seconds, report.total_seconds) == (2, 1, 0.5, 0.6)
    one.note(second, 0.2, failed=False)
    assert {report.path: report.calls for report in statistics.report()} == {
        "test:served": 1,
        "test:unserved": 1,
    }


@given(st.lists(st.floats(1e-6, 3.0), min_size=1, max_size=200))
def test_the_percentile_is_right_to_a_quarter(times: list[float]) -> None:
    with functions(served, schema=(table_of(Counted),)) as running:
        (definition,) = running.registry.definitions.values()
    statistics = Statistics()
    recorder = statistics.recorder()
    for seconds in times:
        recorder.note(definition, seconds, failed=False)
    (report,) = statistics.report()
    exact = sorted(times)[-(-len(times) * 95 // 100) - 1]
    assert exact * 0.999 <= report.p95_seconds <= max(exact * 1.26, exact + 2e-6)


def test_actions_are_counted_with_what_they_call(tmp_path: Path) -> None:
    source = """
        from syncline import ActionCtx, MutationCtx, action, mutation

        @mutation(internal=True)
        def step(ctx: MutationCtx) -> int:
            return 1

        @action
        async def work(ctx: ActionCtx, fail: bool = False) -> int:
            if fail:
                raise ValueError
            return await ctx.run(step)
    """
    with running(write_backend(tmp_path, jobs=source)) as node:
        value_of(node.act("jobs:work"))
        node.act("jobs:work", fail=True)
        found = {report.path: report for report in node.engine.node.settings.statistics.report()}
    assert (found["jobs:work"].kind, found["jobs:work"].calls, found["jobs:work"].failures) == (
        "Action",
        2,
        1,
    )
    assert (found["jobs:step"].calls, found["jobs:step"].failures) == (1, 0)
