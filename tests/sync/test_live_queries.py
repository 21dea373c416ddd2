"""Slow queries, one-shot reads, pinned snapshots, pages, clocks, releases, the bounds of the cache."""

from __future__ import annotations

import pytest

from support.hand_engine import HandEngine
from support.session_pair import Server, Socket, added, end_ts, values
from syncline.functions import Failure, Outcome, Success
from syncline.kernel.errors import RetentionError
from syncline.kernel.identity import ANONYMOUS, Identity
from syncline.kernel.limits import Limits
from syncline.protocol import PathError
from syncline.sync import Verified

# Slow queries


def test_a_slow_query_delays_only_those_who_watch_it() -> None:
    server = Server()
    engine = server.engine
    both, fast = server.client(), server.client()
    both.modify(added(0, "m:slow", group="aa"), added(1, "m:sum", group="aa"))
    fast.watch(0, "m:sum", group="aa")
    server.settle()
    both.take()
    fast.take()
    server.write("aa")
    engine.step_news()
    engine.step_reader(slow=False)
    engine.step_answers(slow=False)
    assert values(fast.transition()) == {0: 2.0}
    assert both.take() == []
    (transition,) = both.settled()
    assert values(transition) == {0: 2.0, 1: 2.0}


def test_whoever_watches_a_slow_query_is_moved_by_every_run_of_it_under_constant_writes() -> None:
    server = Server()
    engine = server.engine
    client = server.client()
    client.modify(added(0, "m:slow", group="aa"), added(1, "m:sum", group="aa"))
    client.settled()
    for _ in range(5):
        server.write("aa")
        engine.step_news()
        while not engine.readers[True].answers:
            engine.step_reader(slow=True)
        snapshot = engine.history.head
        for _ in range(3):  # The other lane is long past it when the slow query is done.
            server.write("aa")
            engine.step_news()
            for _ in range(4):
                engine.step_reader(slow=False)
                engine.step_answers(slow=False)
        assert client.take() == []
        engine.step_answers(slow=True)
        engine.step_reader(slow=True)  # What else it watches, on the same snapshot.
        engine.step_answers(slow=True)
        transition = client.transition()
        assert end_ts(transition) == snapshot
        expected = engine.history.evaluate("m:sum", {"group": "aa"}, ANONYMOUS, snapshot).value
        assert values(transition) == {0: expected, 1: expected}
    expected = engine.history.evaluate("m:sum", {"group": "aa"}, ANONYMOUS).value
    assert values(client.settled()[-1]) == {0: expected, 1: expected}


def three_queries(server: Server) -> Socket:
    """A client that watches a slow query of bb and quick ones of aa and cc, all of them run."""
    client = server.client()
    client.modify(
        added(0, "m:slow", group="bb"), added(1, "m:sum", group="aa"), added(2, "m:sum", group="cc")
    )
    client.settled()
    return client


def write_and_tell(server: Server, group: str, by: int = 2) -> None:
    server.write(group, by=by)
    server.engine.step_news()


def run_quick_queries(server: Server) -> None:
    for _ in range(4):
        server.engine.step_reader(slow=False)
        server.engine.step_answers(slow=False)


def test_what_a_slow_round_found_is_there_at_its_end_though_the_other_lane_has_moved_on() -> None:
    server = Server()
    client = three_queries(server)
    write_and_tell(server, "bb")
    server.engine.step_reader(slow=True)
    snapshot = server.engine.history.head
    write_and_tell(server, "bb")  # What the slow query finds is right at the snapshot, and no longer.
    write_and_tell(server, "cc")
    run_quick_queries(server)  # cc is known after that only, so it has to run on the snapshot too.
    server.engine.step_answers(slow=True)
    write_and_tell(server, "aa")
    run_quick_queries(server)  # aa was known at the snapshot; now what is known of it is newer.
    server.engine.step_reader(slow=True)
    server.engine.step_answers(slow=True)
    transition = client.transition()
    assert end_ts(transition) == snapshot
    assert values(transition) == {0: 2.0}


def test_what_a_move_to_a_slow_rounds_snapshot_leaves_out_is_shown_at_the_next_occasion() -> None:
    server = Server()
    client = three_queries(server)
    write_and_tell(server, "bb")
    server.engine.step_reader(slow=True)
    write_and_tell(server, "bb", by=2)
    write_and_tell(server, "bb", by=-2)  # The slow query will run again, with an equal result.
    write_and_tell(server, "aa")
    run_quick_queries(server)
    server.engine.step_answers(slow=True)
    server.engine.step_reader(slow=True)
    server.engine.step_answers(slow=True)
    assert values(client.transition()) == {0: 2.0}
    assert values(*client.settled()) == {1: 2.0}


def test_a_page_gets_its_end_in_its_own_lane_only() -> None:
    server = Server()
    for name in ("01", "03", "05"):
        server.write("aa", name, by=1)
    client = three_queries(server)
    client.watch(3, "m:page", group="aa", size=2)
    write_and_tell(server, "bb")
    server.engine.step_reader(slow=True)  # At this snapshot the page would end at 03.
    server.write("aa", "02", by=1)
    server.engine.step_reader(slow=False)
    server.engine.step_answers(slow=True)
    server.engine.step_reader(slow=True)
    server.engine.step_answers(slow=True)
    shown = [values(message).get(3) for message in [*client.take(), *client.settled()]]
    assert [page for page in shown if page is not None] == [{"page": [1.0, 1.0], "continueCursor": "02"}]


def test_a_run_for_a_slow_round_that_looks_at_the_identity_is_its_callers_alone() -> None:
    server = Server(verify_user=lambda token, done: done(Verified(Identity(token, "https://issuer.test"))))
    alice, bob = server.client(), server.client()
    for client, name in ((alice, "alice"), (bob, "bob")):
        client.authenticate(name)
        client.modify(added(0, "m:slow", group="bb"), added(1, "m:sometimes", group="aa", name="00"))
    server.settle()
    alice.take()
    bob.take()
    write_and_tell(server, "bb")
    write_and_tell(server, "aa", by=1)  # Odd: looks at the identity. Even, as before and after: does not.
    server.engine.step_reader(slow=True)
    write_and_tell(server, "bb")
    write_and_tell(server, "aa", by=1)
    run_quick_queries(server)
    server.engine.step_answers(slow=True)
    server.engine.step_reader(slow=True)
    server.engine.step_answers(slow=True)
    for name, client in (("alice", alice), ("bob", bob)):
        for message in [*client.take(), *client.settled()]:
            assert values(message).get(1, [0.0, None]) in ([0.0, None], [2.0, None], [1.0, name])


def test_a_response_sent_ahead_is_followed_by_a_transition_even_if_nothing_changed_in_the_end() -> None:
    server = Server()
    client = three_queries(server)
    client.mutate(0, group="bb", name="00", by=2)
    server.engine.step_lane()
    server.engine.step_news()
    assert [message["type"] for message in client.take()] == ["MutationResponse"]
    write_and_tell(server, "bb", by=-2)
    (transition,) = client.settled()
    assert transition["modifications"] == []


def test_a_query_that_gets_faster_leaves_the_slow_lane() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:slow", group="aa")
    client.settled()
    server.engine.slow_paths.clear()
    server.write("aa")
    server.settle()
    client.take()
    server.write("aa")
    server.engine.step_news()
    assert server.engine.readers[False].jobs
    assert not server.engine.readers[True].jobs
    assert values(*client.settled()) == {0: 4.0}


# One-shot reads


def test_a_read_that_is_in_the_cache_is_answered_at_once() -> None:
    server = Server()
    assert server.fetch("m:sum", {"group": "aa"}) == []
    server.settle()
    ((outcome, ts),) = server.fetch("m.js:sum", {"group": "aa"})
    assert outcome == Success(b"0.0")
    assert ts == server.live.head
    assert server.engine.runs == 1


def test_a_read_after_an_acknowledged_write_has_it() -> None:
    server = Server()
    server.fetch("m:sum", {"group": "aa"})
    engine = server.engine
    engine.step_reader()  # The snapshot of a read that somebody else waits for.
    server.write("aa")
    engine.step_news()  # Acknowledged.
    answers = server.fetch("m:sum", {"group": "aa"})
    engine.step_answers()
    assert answers == [], "answered from a snapshot before the write"
    server.settle()
    assert answers == [(Success(b"2.0"), engine.history.head)]


def test_reads_share_the_run_of_a_live_query() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    answers = [server.fetch("m:sum", {"group": "aa"}) for _ in range(3)]
    client.settled()
    assert all(answer[0][0] == Success(b"0.0") for answer in answers)
    assert server.engine.runs == 1


def test_a_read_of_a_bad_path_raises() -> None:
    with pytest.raises(PathError):
        Server().fetch("m:")


def test_a_failing_callback_harms_nobody_else() -> None:
    server = Server()

    def fail(outcome: object, ts: int) -> None:
        raise RuntimeError("a bug")

    server.live.fetch("m:sum", b'{"group":"aa"}', ANONYMOUS, fail)
    answers = server.fetch("m:sum", {"group": "aa"})
    server.settle()
    assert len(answers) == 1


def test_many_reads_leave_room_for_live_queries() -> None:
    server = Server()
    client = server.client()
    for number in range(600):
        server.fetch("m:range", {"group": "aa", "start": "00", "stop": str(number)})
    client.watch(0, "m:sum", group="aa")
    rounds = 0
    while not client.inbox:
        server.engine.step_reader()
        server.engine.step_answers()
        rounds += 1
    assert server.engine.runs < 600
    server.settle()
    assert server.engine.runs == 601


# Pinned snapshots


def test_pinned_reads_see_one_snapshot() -> None:
    server = Server()
    pinned: list[int] = []
    server.live.pin(pinned.append)
    server.settle()
    server.write("aa")
    server.settle()
    answers: list[tuple[Outcome, int]] = []
    (ts,) = pinned
    server.live.fetch_at(
        ts, "m:sum", b'{"group":"aa"}', ANONYMOUS, lambda outcome, at: answers.append((outcome, at))
    )
    server.settle()
    assert answers == [(Success(b"0.0"), ts)]


def test_pins_of_one_state_share_a_snapshot() -> None:
    server = Server()
    pinned: list[int] = []
    for _ in range(100):
        server.live.pin(pinned.append)
        server.settle()
    assert set(pinned) == {server.live.head}
    assert server.engine.open_rounds() == 1


def test_everybody_who_asks_at_once_gets_a_pin_although_there_are_few() -> None:
    server = Server(Limits(read_pins=2))
    pinned: list[int] = []
    for _ in range(5):
        server.write("aa")
        server.engine.step_news()
        for _ in range(4):
            server.live.pin(pinned.append)
    server.settle()
    assert len(pinned) == 20
    assert server.engine.open_rounds() == 2


def test_a_pin_is_not_told_of_before_its_commits_are() -> None:
    server = Server()
    server.write("aa")
    pinned: list[int] = []
    server.live.pin(pinned.append)
    server.engine.step_reader()
    server.engine.step_answers()
    assert pinned == []
    server.engine.step_news()
    assert pinned == [server.live.head]


def test_a_snapshot_that_is_not_pinned_is_out_of_retention() -> None:
    server = Server()
    with pytest.raises(RetentionError, match="ask for a new timestamp"):
        server.live.fetch_at(17, "m:sum", b"{}", ANONYMOUS, lambda outcome, ts: None)


def test_pins_expire_and_are_bounded() -> None:
    server = Server(Limits(read_pins=3))
    pinned: list[int] = []
    for _ in range(5):
        server.write("aa")
        server.settle()
        server.live.pin(pinned.append)
        server.settle()
    assert server.engine.open_rounds() == 3
    with pytest.raises(RetentionError):
        server.live.fetch_at(pinned[0], "m:sum", b"{}", ANONYMOUS, lambda outcome, ts: None)
    server.clock.advance(31)
    server.live.tick()
    server.settle()
    assert server.engine.open_rounds() == 0


# Pages and their journals


def test_a_page_keeps_its_end_and_grows() -> None:
    server = Server()
    for name in ("01", "03", "05"):
        server.write("aa", name, by=1)
    client = server.client()
    client.watch(0, "m:page", group="aa", size=2)
    (first,) = client.settled()
    assert values(first) == {0: {"page": [1.0, 1.0], "continueCursor": "03"}}
    assert first["modifications"][0]["journal"] == "03"
    server.write("aa", "02", by=5)
    (second,) = client.settled()
    assert values(second) == {0: {"page": [1.0, 5.0, 1.0], "continueCursor": "03"}}


def test_a_journal_that_the_client_brings_is_honoured() -> None:
    server = Server()
    for name in ("01", "02", "03", "04"):
        server.write("aa", name, by=1)
    client = server.client()
    client.watch(0, "m:page", group="aa", size=1, journal="03")
    (transition,) = client.settled()
    assert values(transition) == {0: {"page": [1.0, 1.0, 1.0], "continueCursor": "03"}}


def test_a_newcomer_adopts_a_page_unless_it_has_grown_too_much() -> None:
    server = Server()
    server.write("aa", "07", by=1)
    server.settle()
    first = server.client()
    first.watch(0, "m:page", group="aa", size=1)
    server.settle()
    assert values(first.transition()) == {0: {"page": [1.0], "continueCursor": "07"}}
    server.write("aa", "01", by=1)
    second = server.client()
    server.settle()
    second.watch(0, "m:page", group="aa", size=1)
    server.settle()
    assert values(second.transition()) == {0: {"page": [1.0, 1.0], "continueCursor": "07"}}
    for name in ("02", "03", "04", "05", "06", "00"):
        server.write("aa", name, by=11111)
    server.settle()
    third = server.client()
    third.watch(0, "m:page", group="aa", size=1)
    server.settle()
    assert values(third.transition()) == {0: {"page": [11111.0], "continueCursor": "00"}}
    first.take()
    server.write("aa", "02", by=1)
    server.settle()
    old_page = values(first.transition())[0]
    assert isinstance(old_page, dict)
    assert old_page["continueCursor"] == "07"


def test_a_failing_page_keeps_its_end_and_newcomers_do_not_inherit_its_failure() -> None:
    server = Server()
    for name in ("01", "02", "03"):
        server.write("aa", name, by=1)
    client = server.client()
    client.watch(0, "m:page", group="aa", size=1, journal="nonsense")
    (transition,) = client.settled()
    assert "InvalidCursor" in str(values(transition)[0])
    assert transition["modifications"][0]["journal"] == "nonsense"
    client.watch(1, "m:page", group="aa", size=1)
    assert values(client.settled()[-1]) == {1: {"page": [1.0], "continueCursor": "01"}}


# Releases


def test_a_release_reruns_everything_and_sends_what_is_different() -> None:
    server = Server()
    client = server.client()
    client.modify(
        added(0, "m:sum", group="aa"), added(1, "m:point", group="aa"), added(2, "m:vanishing", group="aa")
    )
    client.settled()
    server.engine.release()
    (transition,) = client.settled()
    assert values(transition)[0] == 1000.0
    assert 1 not in values(transition)
    assert "Could not find public function for 'm:vanishing'" in str(values(transition)[2])


def test_what_was_shown_stays_until_the_new_release_has_answered() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.settled()
    server.engine.release()
    server.engine.step_lane()
    server.engine.step_news()
    assert client.take() == []
    newcomer = server.client()
    newcomer.watch(0, "m:sum", group="aa")
    assert newcomer.take() == []
    assert values(*client.settled()) == {0: 1000.0}
    assert values(newcomer.transition()) == {0: 1000.0}


def test_a_round_that_began_before_a_release_is_not_used_after_it() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    server.engine.step_reader()  # Answered by the old release.
    server.engine.release()
    server.engine.step_lane()
    server.engine.step_news()
    server.engine.step_answers()
    assert client.take() == []
    assert values(*client.settled()) == {0: 1000.0}


# Time


def test_a_query_that_used_the_clock_runs_again_when_it_ticks() -> None:
    engine = HandEngine()
    server = Server(engine=engine)
    client = server.client()
    client.watch(0, "m:clock")
    tick_ns = server.clock.wall_ns() + 60 * 10**9
    engine.answer(b"1.0", tick_ns=tick_ns)
    client.take()
    assert server.live.next_tick_ns == tick_ns
    server.clock.advance(59)
    server.live.tick()
    assert engine.asked == []
    server.clock.advance(1)
    server.live.tick()
    engine.answer(b"2.0", tick_ns=server.clock.wall_ns() + 60 * 10**9)
    assert values(client.transition()) == {0: 2.0}
    server.live.tick()
    assert engine.asked == []


def test_a_tick_of_a_query_that_nobody_watches_any_more_runs_nothing() -> None:
    engine = HandEngine()
    server = Server(engine=engine)
    client = server.client()
    client.watch(0, "m:clock")
    engine.answer(b"1.0", tick_ns=server.clock.wall_ns() + 1)
    client.unwatch(0)
    server.clock.advance(1)
    server.live.tick()
    assert engine.asked == []
    assert server.live.stats().entries == 0


def test_a_result_that_used_now_is_shown_to_newcomers_for_ten_seconds() -> None:
    engine = HandEngine()
    server = Server(engine=engine)
    first, second, third = server.client(), server.client(), server.client()
    first.watch(0, "m:now")
    engine.answer(b"1.0", used_now=True)
    server.clock.advance(9)
    second.watch(0, "m:now")
    assert values(second.transition()) == {0: 1.0}
    server.clock.advance(2)
    server.live.tick()
    assert engine.asked == [], "run again although only time has passed"
    third.watch(0, "m:now")
    engine.answer(b"2.0", used_now=True)
    assert values(third.transition()) == {0: 2.0}
    first.take()
    answers = server.fetch("m:now")
    assert answers[0][0] == Success(b"2.0")
    server.clock.advance(10)
    assert server.fetch("m:now") == []
    engine.answer(b"3.0", used_now=True)


# Bounds


def test_results_that_nobody_watches_are_bounded_in_bytes_and_the_longest_unused_goes() -> None:
    server = Server(Limits(cache_bytes=15_000))
    for number in range(50):
        server.fetch("m:range", {"group": "aa", "start": "00", "stop": f"{number:02}"})
        server.settle()
        assert len(server.fetch("m:range", {"group": "aa", "start": "00", "stop": "00"})) == 1, (
            "used all the time"
        )
    stats = server.live.stats()
    assert stats.bytes <= 15_000
    assert 5 <= stats.entries < 15
    assert len(server.fetch("m:range", {"group": "aa", "start": "00", "stop": "49"})) == 1
    assert len(server.fetch("m:range", {"group": "aa", "start": "00", "stop": "20"})) == 0


def test_queries_that_were_watched_once_are_bounded_too() -> None:
    server = Server(Limits(cache_bytes=15_000))
    client = server.client()
    for number in range(50):
        client.watch(number, "m:range", group="aa", start="00", stop=f"{number:02}")
        server.settle()
        client.unwatch(number)
    assert server.live.stats().bytes <= 15_000


def test_nothing_is_left_when_everybody_has_gone_and_everything_has_changed() -> None:
    server = Server()
    clients = [server.client() for _ in range(5)]
    for client in clients:
        client.modify(
            added(0, "m:sum", group="aa"),
            added(1, "m:mine", group="aa", name="00"),
            added(2, "m:slow", group="aa"),
        )
    server.settle()
    for client in clients:
        client.session.disconnected()
    for name in ("00", "01"):
        server.write("aa", name)
    server.settle()
    stats = server.live.stats()
    assert (stats.subscriptions, stats.bytes) == (0, 0)
    assert stats.entries == 0
    assert server.engine.open_rounds() == 0


def test_failures_of_reads_are_answers() -> None:
    server = Server()
    answers = server.fetch("m:nothing")
    server.settle()
    ((outcome, _),) = answers
    assert isinstance(outcome, Failure)


@pytest.mark.parametrize("raw", [b'{"a":{"$integer":"x"}}', b'{"a":"\\ud800"}', b'{"$x":1}', b"[]", b"{"])
def test_arguments_that_cannot_be_decoded_are_left_to_the_function(raw: bytes) -> None:
    engine = HandEngine()
    Server(engine=engine).live.fetch("m:sum", raw, ANONYMOUS, lambda outcome, ts: None)
    assert [job.args for _, job in engine.asked] == [raw]
