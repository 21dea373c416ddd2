"""The engine: mutations through the lane, queries in rounds, releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.engines import message_of, running, value_of, write_backend
from support.powercut import Fault, disk
from syncline.functions import Failure, MutationCall, QueryJob, Success
from syncline.kernel.clock import FakeClock, SystemClock
from syncline.kernel.errors import OverloadedError, SetupError
from syncline.kernel.identity import ANONYMOUS, Caller, Identity
from syncline.kernel.limits import Limits
from syncline.store import Store, StoreFailedError
from syncline.values import encode_id

SCHEMA = """
    from syncline import Document, Index

    class Note(Document):
        text: str
        likes: int = 0

        by_text = Index("text", unique=True)
"""
NOTES = """
    from syncline import AppError, MutationCtx, QueryCtx, SyncActionCtx, action, mutation, query
    from .schema import Note

    @query(name="list")
    def list_notes(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]

    @mutation
    def add(ctx: MutationCtx, text: str) -> int:
        ctx.db.insert(Note(text=text))
        return ctx.db.query(Note).count()

    @mutation
    def look(ctx: MutationCtx) -> int:
        return ctx.db.query(Note).count()

    @mutation
    def add_and_fail(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Note(text=text))
        raise AppError({"code": "no"})

    @mutation
    def add_twice(ctx: MutationCtx, text: str) -> list[str]:
        ctx.run(add, text=text)
        try:
            ctx.run(add_and_fail, text=text + "!")
        except AppError:
            pass
        return [note.text for note in ctx.db.query(Note)]

    @mutation
    def run_away(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Note(text=text))
        while True:
            pass

    @mutation
    def grow_for_ever(ctx: MutationCtx) -> None:
        number = 0
        while True:
            ctx.db.insert(Note(text=str(number)))
            number += 1

    @action
    def add_from_outside(ctx: SyncActionCtx, text: str) -> list[str]:
        ctx.run(add, text=text)
        return ctx.run(list_notes)
"""


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    return write_backend(tmp_path, schema=SCHEMA, notes=NOTES)


def test_a_mutation_is_durable_and_visible_when_its_outcome_arrives(backend: Path, tmp_path: Path) -> None:
    with running(backend, tmp_path / "data") as node:
        outcome, ts = node.mutate("notes:add", text="a")
        assert value_of(outcome) == 1
        assert ts == node.engine.head_ts == node.commits[-1].ts
        assert node.query("notes:list") == ["a"]
    with running(backend, tmp_path / "data") as node:
        assert node.query("notes:list") == ["a"]


def test_mutations_of_a_batch_see_each_other_in_order(backend: Path) -> None:
    with running(backend) as node:
        started = [node.start_mutation("notes:add", text=str(number)) for number in range(50)]
        node.pump(lambda: started[-1])
        assert [value_of(settled[0][0]) for settled in started] == list(range(1, 51))
        stamps = [settled[0][1] or 0 for settled in started]
        assert stamps == sorted(set(stamps))


def test_a_failed_mutation_leaves_nothing_and_spares_its_neighbours(backend: Path) -> None:
    with running(backend) as node:
        before = node.start_mutation("notes:add", text="before")
        failed = node.start_mutation("notes:add_and_fail", text="failed")
        after = node.start_mutation("notes:add", text="after")
        node.pump(lambda: after)
        assert value_of(before[0][0]) == 1
        outcome, ts = failed[0]
        assert isinstance(outcome, Failure)
        assert (outcome.data, ts) == (b'{"code":"no"}', None)
        assert value_of(after[0][0]) == 2
        assert node.query("notes:list") == ["before", "after"]


def test_a_nested_mutation_that_raises_is_undone_alone(backend: Path) -> None:
    with running(backend) as node:
        assert node.value_of_mutation("notes:add_twice", text="x") == ["x"]
        assert node.query("notes:list") == ["x"]


def test_a_mutation_that_writes_nothing_succeeds_at_the_newest_timestamp(backend: Path) -> None:
    with running(backend) as node:
        _, written_at = node.mutate("notes:add", text="a")
        outcome, ts = node.mutate("notes:look")
        assert (value_of(outcome), ts) == (1, written_at)


def test_a_replayed_request_runs_once_and_gets_the_first_answer(backend: Path, tmp_path: Path) -> None:
    session = b"s" * 16
    with running(backend, tmp_path / "data") as node:
        first = node.start_mutation("notes:add", session=session, request=0, text="a")
        again = node.start_mutation("notes:add", session=session, request=0, text="a")
        node.pump(lambda: again)
        assert value_of(first[0][0]) == value_of(again[0][0]) == 1
        assert first[0][1] == again[0][1]
    with running(backend, tmp_path / "data") as node:
        later = node.start_mutation("notes:add", session=session, request=0, text="a")
        node.pump(lambda: later)
        assert (value_of(later[0][0]), later[0][1]) == (1, first[0][1])
        other = node.start_mutation("notes:add", session=b"t" * 16, request=0, text="b")
        node.pump(lambda: other)
        assert value_of(other[0][0]) == 2


def test_a_replay_by_another_user_is_refused(backend: Path) -> None:
    alice = Caller(Identity("alice", "https://id.example.com"))
    with running(backend) as node:
        mine = node.start_mutation("notes:add", alice, b"s" * 16, 0, text="a")
        stolen = node.start_mutation("notes:add", session=b"s" * 16, request=0, text="a")
        node.pump(lambda: stolen)
        assert value_of(mine[0][0]) == 1
        assert "this request was made by another user before" in message_of(stolen[0][0])


def test_a_failed_request_may_be_tried_again(backend: Path) -> None:
    with running(backend) as node:
        failed = node.start_mutation("notes:add_and_fail", session=b"s" * 16, request=0, text="a")
        again = node.start_mutation("notes:add", session=b"s" * 16, request=0, text="a")
        node.pump(lambda: again)
        assert isinstance(failed[0][0], Failure)
        assert value_of(again[0][0]) == 1


def test_a_runaway_mutation_is_stopped_and_its_batch_goes_on(backend: Path) -> None:
    with running(backend, limits=Limits(run_seconds=0.1)) as node:
        before = node.start_mutation("notes:add", text="before")
        stuck = node.start_mutation("notes:run_away", text="stuck")
        growing = node.start_mutation("notes:grow_for_ever")
        after = node.start_mutation("notes:add", text="after")
        node.pump(lambda: after)
        assert value_of(before[0][0]) == 1
        assert "notes:run_away was stopped after 0.1 s, the limit of queries and mutations" in message_of(
            stuck[0][0]
        )
        assert "notes:grow_for_ever was stopped" in message_of(growing[0][0])
        assert value_of(after[0][0]) == 2
        assert node.query("notes:list") == ["before", "after"]


def test_a_round_keeps_its_snapshot_while_commits_go_on(backend: Path) -> None:
    with running(backend) as node:
        node.mutate("notes:add", text="a")
        with node.round() as run:
            assert value_of(run("notes:list").outcome) == ["a"]
            node.mutate("notes:add", text="b")
            assert value_of(run("notes:list").outcome) == ["a"]
        assert node.query("notes:list") == ["a", "b"]


def test_the_read_set_of_a_query_is_touched_by_the_commits_that_change_it(backend: Path) -> None:
    with running(backend) as node:
        with node.round() as run:
            result = run("notes:list")
        node.mutate("notes:add", text="a")
        assert result.read_set.overlaps(node.commits[-1])


def test_an_action_calls_queries_and_mutations(backend: Path) -> None:
    with running(backend) as node:
        assert value_of(node.act("notes:add_from_outside", text="a")) == ["a"]


def test_a_full_lane_refuses_with_the_limit_it_reached(backend: Path) -> None:
    with (
        running(backend, limits=Limits(lane_queue=0)) as node,
        pytest.raises(OverloadedError, match=r"lane queue: 0 mutations wait, the limit is 0"),
    ):
        node.start_mutation("notes:add", text="a")


def test_new_code_comes_into_force_between_two_batches(backend: Path) -> None:
    with running(backend) as node:
        node.mutate("notes:add", text="a")
        write_backend(
            backend.parent,
            notes=NOTES.replace("[note.text for note", "[note.text.upper() for note"),
            schema=SCHEMA.replace("likes: int = 0", "likes: int = 0\n        stars: int = 5")
            + "        by_stars = Index('stars')\n",
        )
        assert node.reload() is None
        assert node.releases == [node.engine.head_ts]
        assert node.query("notes:list") == ["A"]
        assert isinstance(node.mutate("notes:add", text="b")[0], Success)
        assert node.query("notes:list") == ["A", "B"]


def test_code_that_stored_data_does_not_fit_leaves_the_old_release_in_force(backend: Path) -> None:
    with running(backend) as node:
        node.mutate("notes:add", text="a")
        write_backend(backend.parent, schema=SCHEMA.replace("text: str", "text: str\n        author: str"))
        error = node.reload()
        assert isinstance(error, SetupError)
        assert "1 document does not fit notes (backend.schema.Note), the first:" in str(error)
        assert "at notes.author: expected str, got nothing" in str(error)
        assert node.query("notes:list") == ["a"]
        assert isinstance(node.mutate("notes:add", text="b")[0], Success)


def test_a_unique_index_over_repeated_keys_is_refused(backend: Path) -> None:
    repeated = SCHEMA.replace('Index("text", unique=True)', 'Index("likes")')
    write_backend(backend.parent, schema=repeated)
    with running(backend) as node:
        node.mutate("notes:add", text="a")
        node.mutate("notes:add", text="a")
        write_backend(backend.parent, schema=SCHEMA)
        error = node.reload()
        assert "notes.by_text is unique, but 1 stored documents repeat another's key" in str(error)
        assert node.query("notes:list") == ["a", "a"]


def test_ids_in_arguments_must_be_of_the_hinted_table(backend: Path) -> None:
    write_backend(
        backend.parent,
        more="""
            from syncline import Document, Id, QueryCtx, query
            from .schema import Note

            class Other(Document):
                text: str

            @query
            def text_of(ctx: QueryCtx, id: Id[Note]) -> str:
                return ctx.db.require(id).text

            @query
            def other_ids(ctx: QueryCtx) -> list[Id[Note]]:
                return [note.id for note in ctx.db.query(Note)]
        """,
    )
    with running(backend) as node:
        node.mutate("notes:add", text="a")
        [id] = node.query("more:other_ids")
        assert node.query("more:text_of", id=id) == "a"
        number = node.engine.release.catalog.by_name["others"].number
        with node.round() as run:
            wrong = run("more:text_of", id=encode_id(number, b"x" * 16))
        assert 'does not match the table name in validator `v.id("notes")`' in message_of(wrong.outcome)


def test_a_full_disk_refuses_a_batch_and_the_engine_goes_on(backend: Path, tmp_path: Path) -> None:
    with disk() as failing:
        store = Store(tmp_path / "syncline.db", clock=SystemClock(), limits=Limits(), vfs=failing.name)
        with running(backend, store=store) as node:
            assert isinstance(node.mutate("notes:add", text="before")[0], Success)
            failing.fail(Fault.ENOSPC, 1, lasting=True)
            outcome, ts = node.mutate("notes:add", text="x" * 100_000)
            assert ts is None
            assert "is full: nothing of this write was applied" in message_of(outcome)
            assert node.query("notes:list") == ["before"]
            failing.repair()
            assert value_of(node.mutate("notes:add", text="after")[0]) == 2
            assert node.query("notes:list") == ["before", "after"]
            assert node.fatal == []


def test_a_failing_disk_acknowledges_nothing_and_ends_the_engine(backend: Path, tmp_path: Path) -> None:
    with disk() as failing:
        store = Store(tmp_path / "syncline.db", clock=SystemClock(), limits=Limits(), vfs=failing.name)
        with running(backend, store=store) as node:
            node.mutate("notes:add", text="before")
            failing.fail(Fault.EIO, 1, lasting=True)
            settled = node.start_mutation("notes:add", text="lost")
            node.pump(lambda: node.fatal)
            assert settled == []
            assert isinstance(node.fatal[0], StoreFailedError)
            failing.repair()


def test_queries_go_on_however_long_nobody_asked(backend: Path) -> None:
    clock = FakeClock()
    with running(backend, clock=clock) as node:
        for _ in range(2_000):
            assert node.query("notes:list") == []
            clock.advance(2)
        assert node.fatal == []


def test_a_reader_that_cannot_go_on_is_fatal_since_its_queries_would_wait_for_ever(backend: Path) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("lost")

    with running(backend) as node:
        node.engine.query_once(QueryJob(None, "notes:list", b"{}", ANONYMOUS), fail)
        node.pump(lambda: node.fatal)
        assert [str(error) for error in node.fatal] == ["lost"]


def test_a_listener_that_fails_is_fatal_since_it_may_have_missed_a_commit(backend: Path) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("lost")

    with running(backend) as node:
        node.engine.mutate(MutationCall("notes:add", b'{"text":"a"}', ANONYMOUS, fail))
        node.pump(lambda: node.fatal)
        assert [str(error) for error in node.fatal] == ["lost"]
