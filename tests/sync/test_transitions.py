"""What clients are shown, and when."""

from __future__ import annotations

from support.session_pair import Server, added, end_ts, values, versions
from syncline.values import encode_ts

ZERO = encode_ts(0)


def test_the_first_transition_starts_at_zero_and_shows_every_query() -> None:
    server = Server()
    server.write("aa", "00", by=3)
    server.settle()
    client = server.client()
    client.modify(added(0, "m:point", group="aa", name="00"), added(1, "m:sum", group="aa"))
    (transition,) = client.settled()
    assert transition["startVersion"] == {"querySet": 0, "identity": 0, "ts": ZERO}
    assert versions(transition)[1] == (1, 0)
    assert end_ts(transition) == server.engine.history.head
    assert values(transition) == {0: 3.0, 1: 3.0}
    assert transition["modifications"][0] == {
        "type": "QueryUpdated",
        "queryId": 0,
        "value": 3.0,
        "logLines": [],
        "journal": None,
    }
    assert isinstance(transition["serverTs"], int)
    assert transition["clientClockSkew"] is None


def test_connect_alone_is_not_answered() -> None:
    client = Server().client()
    assert client.settled() == []


def test_a_clients_clock_skew_is_told_in_whole_milliseconds() -> None:
    server = Server()
    client = server.socket()
    client.connect(client_ts=server.clock.wall_ns() / 1e6 + 1234.4)
    client.modify()
    assert client.transition()["clientClockSkew"] == 1234


def test_an_empty_change_of_the_query_set_is_confirmed() -> None:
    client = Server().client()
    client.modify()
    transition = client.transition()
    assert versions(transition) == ((0, 0), (1, 0))
    assert transition["modifications"] == []


def test_a_query_that_is_removed_is_said_to_be() -> None:
    server = Server()
    client = server.client()
    client.watch(7, "m:sum", group="aa")
    client.settled()
    client.unwatch(7)
    transition = client.transition()
    assert transition["modifications"] == [{"type": "QueryRemoved", "queryId": 7}]
    assert versions(transition)[1] == (2, 0)
    server.write("aa")
    assert client.settled() == []


def test_a_query_removed_before_its_first_result_does_not_hold_anything_up() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.unwatch(0)
    transition = client.transition()
    assert versions(transition) == ((0, 0), (2, 0))
    assert client.settled() == []


def test_versions_chain_and_several_changes_may_be_confirmed_at_once() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.watch(1, "m:sum", group="bb")
    first = client.settled()[-1]
    assert versions(first)[1] == (2, 0)
    server.write("bb")
    (second,) = client.settled()
    assert second["startVersion"] == first["endVersion"]
    assert values(second) == {1: 2.0}


def test_a_commit_that_touches_nothing_watched_sends_nothing() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.settled()
    server.write("bb")
    assert client.settled() == []
    assert server.engine.runs == 1


def test_equal_results_are_not_sent_again() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:odd", group="aa", name="00")
    client.settled()
    server.write("aa", "00", by=10)  # Shows only what is left of a division by ten.
    assert client.settled() == []
    assert server.engine.runs == 2


def test_equal_failures_are_not_sent_again_whatever_their_request_ids() -> None:
    server = Server()
    server.write("aa", "00", by=3)
    server.settle()
    client = server.client()
    client.watch(0, "m:odd", group="aa", name="00")
    (transition,) = client.settled()
    (failure,) = transition["modifications"]
    assert failure["type"] == "QueryFailed"
    assert failure["errorData"] == {"odd": 3.0}
    assert failure["logLines"] == []
    server.write("aa", "00", by=10)
    assert client.settled() == []
    server.write("aa", "00", by=2)
    (transition,) = client.settled()
    assert transition["modifications"][0]["errorData"] == {"odd": 5.0}


def test_a_missing_function_is_the_failure_of_its_query_only() -> None:
    server = Server()
    client = server.client()
    client.modify(added(0, "m:nothing"), added(1, "m:sum", group="aa"))
    (transition,) = client.settled()
    assert transition["modifications"][0]["type"] == "QueryFailed"
    assert "Could not find public function for 'm:nothing'" in transition["modifications"][0]["errorMessage"]
    assert "errorData" not in transition["modifications"][0]
    assert values(transition)[1] == 0.0


def test_all_queries_move_together() -> None:
    server = Server()
    client = server.client()
    client.modify(added(0, "m:sum", group="aa"), added(1, "m:sum", group="bb"))
    client.settled()
    engine = server.engine
    server.write("aa")
    engine.step_news()  # A round begins with the first query alone.
    server.write("bb")  # Its snapshot will have this commit, which nobody has been told of.
    engine.step_reader()
    engine.step_answers()
    assert client.take() == [], "moved although one query is not known at this snapshot"
    (transition,) = client.settled()
    assert values(transition) == {0: 2.0, 1: 2.0}
    assert end_ts(transition) == engine.history.head


def test_a_query_that_changes_while_it_runs_is_run_again() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.settled()
    server.write("aa")
    server.engine.step_news()
    server.engine.step_reader()  # On the snapshot of the first write.
    server.write("aa")
    server.engine.step_news()  # The second one is seen before the result arrives.
    server.engine.step_answers()
    assert values(client.transition()) == {0: 2.0}
    assert values(*client.settled()) == {0: 4.0}


def test_results_wait_for_the_commits_that_they_contain() -> None:
    server = Server()
    first, second = server.client(), server.client()
    first.watch(0, "m:sum", group="aa")
    first.settled()
    second.watch(0, "m:sum", group="bb")
    server.write("aa")
    server.engine.step_reader()
    server.engine.step_answers()  # Of a snapshot that has a commit which has not been told.
    assert second.take() == []
    server.engine.step_news()
    assert end_ts(second.transition()) == server.engine.history.head


def test_one_change_is_one_run_however_many_watch() -> None:
    server = Server()
    clients = [server.client() for _ in range(20)]
    for client in clients:
        client.watch(0, "m:sum", group="aa")
    server.settle()
    assert server.engine.runs == 1
    server.write("aa")
    server.settle()
    assert server.engine.runs == 2
    assert all(values(client.take()[-1]) == {0: 2.0} for client in clients)
    assert server.live.stats().deliveries == 40


def test_equal_arguments_in_other_bytes_are_one_query() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:range", group="aa", start="00", stop="05")
    client.session.receive(
        b'{"type":"ModifyQuerySet","baseVersion":1,"newVersion":2,"modifications":[{"type":"Add","queryId":1,'
        b'"udfPath":"m.js:range","args":[ {"stop":"05",  "start":"00", "group":"aa"} ]}]}'
    )
    client.settled()
    assert server.engine.runs == 1


def test_the_cache_buster_of_paginated_queries_is_not_an_argument() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa", paginationOpts={"numItems": 5, "cursor": None, "id": 1})
    client.watch(1, "m:sum", group="aa", paginationOpts={"numItems": 5, "cursor": None, "id": 2})
    client.settled()
    assert server.engine.runs == 1


def test_a_result_of_nobody_is_kept_until_it_changes() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.settled()
    client.unwatch(0)
    client.take()
    client.watch(1, "m:sum", group="aa")
    assert values(client.transition()) == {1: 0.0}
    assert server.engine.runs == 1
    client.unwatch(1)
    server.write("aa")
    server.settle()
    assert server.engine.runs == 1, "run again although nobody watches"
    assert server.live.stats().entries == 0


def test_a_new_query_is_not_shown_as_of_a_time_before_it_was_asked_for() -> None:
    server = Server()
    first = server.client()
    first.watch(0, "m:sum", group="aa")
    first.settled()
    server.write("aa")
    server.engine.step_news()  # Stale; the round that will tell has begun.
    second = server.client()
    second.watch(0, "m:sum", group="aa")
    assert second.take() == [], "an old result, although the write was acknowledged before"
    assert values(*second.settled()) == {0: 2.0}


def test_the_commit_log_tells_what_each_commit_caused() -> None:
    server = Server()
    client = server.client()
    client.modify(added(0, "m:sum", group="aa"), added(1, "m:range", group="aa", start="00", stop="05"))
    client.settled()
    server.write("aa", "00")
    server.settle()
    assert server.live.reruns_caused(server.engine.history.head) == 2
    server.write("bb", "00")
    server.settle()
    assert server.live.reruns_caused(server.engine.history.head) == 0
