"""Watch streams: live queries as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.notes import MODULES
from support.serving import Running, running


@dataclass
class Event:
    kind: str
    id: str
    data: Any


class Stream:
    """Reads events, and the comments between them, off a response."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines: Iterator[str] = response.iter_lines()
        self.last_id = ""

    def next(self) -> Event | str:
        """The next event or comment."""
        kind, data = "message", None
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                self.last_id = value
            elif name == "data":
                data = json.loads(value)
            elif line.startswith(":"):
                return value
            elif not line and data is not None:
                return Event(kind, self.last_id, data)
        raise EOFError

    def value(self) -> Any:
        """The value of the next result."""
        event = self.next()
        while isinstance(event, str):
            event = self.next()
        assert event.kind == "message", event
        return event.data


@contextmanager
def watch(server: Running, function: str, *, last: str = "", **params: str) -> Generator[Stream, None, None]:
    headers = {"Last-Event-ID": last} if last else {}
    with server.http.stream("GET", f"/api/watch/{function}", params=params, headers=headers) as response:
        yield Stream(response)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), MODULES) as server:
        yield server


def test_the_present_result_comes_first_and_then_each_change(server: Running) -> None:
    with watch(server, "notes:list", args='{"list":"w"}') as stream:
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.value() == []
        server.value("mutation", "notes:add", text="one", list="w")
        assert stream.value() == ["one"]
        server.value("mutation", "notes:add", text="elsewhere", list="other")
        server.value("mutation", "notes:add", text="two", list="w")
        assert stream.value() == ["one", "two"]


def test_event_ids_begin_with_rising_timestamps(server: Running) -> None:
    with watch(server, "notes:list", args='{"list":"ids"}') as stream:
        stream.value()
        first = int(stream.last_id.partition("-")[0])
        server.value("mutation", "notes:add", text="x", list="ids")
        stream.value()
        assert int(stream.last_id.partition("-")[0]) > first > 1_700_000_000_000_000_000


def test_a_stream_that_resumes_is_not_told_what_it_knows(server: Running) -> None:
    args = '{"list":"resume"}'
    with watch(server, "notes:list", args=args) as stream:
        assert stream.value() == []
        last = stream.last_id
    with watch(server, "notes:list", args=args, last=last) as stream:
        server.value("mutation", "notes:add", text="new", list="resume")
        assert stream.value() == ["new"]
    with watch(server, "notes:list", args=args, last=last) as stream:
        assert stream.value() == ["new"]


def test_a_query_that_fails_stays_watched(server: Running) -> None:
    with watch(server, "notes:refused") as stream:
        event = stream.next()
        assert isinstance(event, Event) and event.kind == "failure"
        assert event.data["errorData"] == {"code": "no", "limit": 3}
        assert "Uncaught ConvexError" in event.data["errorMessage"]
    with watch(server, "notes:missing") as stream:
        event = stream.next()
        assert isinstance(event, Event) and "Could not find public function" in event.data["errorMessage"]


def test_formats_are_those_of_queries(server: Running) -> None:
    with watch(server, "notes:values", format="convex_encoded_json") as stream:
        assert stream.value()["bytes"] == {"$bytes": "aGk="}
    with watch(server, "notes:values") as stream:
        assert stream.value()["bytes"] == "aGk="


def test_credentials_are_checked_before_the_stream_begins(server: Running) -> None:
    for header, status in (("Bearer x.y.z", 401), ("Convex wrong|key", 403)):
        answer = server.http.get("/api/watch/notes:count", headers={"Authorization": header})
        assert answer.status_code == status
    headers = {"Authorization": f"Convex {server.admin_key}"}
    with server.http.stream("GET", "/api/watch/notes:secret", headers=headers) as response:
        assert Stream(response).value() == "internal"


def test_what_is_no_query_is_refused_before_the_stream_begins(server: Running) -> None:
    for path, code in (
        ("/api/watch/", "BadConvexFunctionIdentifier"),
        ("/api/watch/a%20b", "BadConvexFunctionIdentifier"),
        ("/api/watch/notes:count?args={", "BadJsonBody"),
        ("/api/watch/notes:count?format=xml", "BadFormat"),
    ):
        answer = server.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert server.http.post("/api/watch/notes:count").status_code == 405
    assert server.http.head("/api/watch/notes:count").status_code == 200


def test_a_comment_comes_when_nothing_else_does(server: Running) -> None:
    with watch(server, "notes:count", args='{"list":"quiet"}') as stream:
        stream.value()
        server.turn_wheel(time.monotonic(), times=2)
        assert stream.next() == "alive"


def test_a_stream_that_was_left_is_not_watched_any_more(server: Running) -> None:
    with watch(server, "notes:count", args='{"list":"left"}') as stream:
        stream.value()
        before = server.call(lambda: server.deployment.live.stats().subscriptions)
    while server.call(lambda: server.deployment.live.stats().subscriptions) >= before:
        pass


def test_a_reader_that_falls_behind_gets_the_newest_result_only(server: Running) -> None:
    with watch(server, "notes:list", args='{"list":"behind"}') as stream:
        assert stream.value() == []
        for number in range(60):
            server.value("mutation", "notes:add", text=f"{number} " + "x" * 100_000, list="behind")
        events = 0
        while len(stream.value()) < 60:
            events += 1
        assert events < 59


def test_a_server_that_stops_ends_its_streams_with_a_reason(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server, watch(server, "notes:count") as stream:
        assert stream.value() == 0
        server.stop()
        event = stream.next()
        assert isinstance(event, Event)
        assert (event.kind, event.data) == ("closed", {"reason": "ServerRestart"})
        with pytest.raises(EOFError):
            stream.next()
