"""What the console prints, and what the observer tells it."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from support.notes import MODULES
from support.processes import columns
from support.serving import running
from support.sockets import SyncSocket
from syncline.server.console import Console, LogHandler, counted, duration, size
from syncline.server.settings import Mode


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.4 ms"), (0.0123, "12 ms"), (0.9999, "1000 ms"), (1.26, "1.3 s"), (75, "75.0 s")],
)
def test_durations_have_two_figures(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (4096, "4.1 KB"), (123_456, "123 KB"), (3_400_000, "3.4 MB")],
)
def test_sizes_are_as_people_say_them(count: int, text: str) -> None:
    assert size(count) == text


def test_counts_agree_with_their_nouns() -> None:
    assert [counted(0, "table"), counted(1, "table"), counted(1234, "live query", "live queries")] == [
        "0 tables",
        "1 table",
        "1,234 live queries",
    ]


def test_colours_are_for_terminals_without_no_color() -> None:
    for stream, environment, coloured in (
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
    ):
        Console(stream, environment).event("ready", "", None, "2 tables")
        assert ("\x1b[" in stream.getvalue()) is coloured


def test_events_stand_in_columns() -> None:
    stream = io.StringIO()
    console = Console(stream, {})
    console.event("mutation", "messages:send", 0.004, "1 document written")
    console.event("ready", "", None, "2 tables")
    console.details(["one\ntwo"])
    lines = [line[10:] for line in stream.getvalue().splitlines()]
    assert lines == [
        "  mutation  messages:send              4.0 ms  1 document written",
        "  ready                                        2 tables",
        "  one",
        "  two",
    ]


def test_the_banner_names_places_in_one_column() -> None:
    stream = io.StringIO()
    Console(stream, {}).banner("Syncline 1.0", [("API", "http://x"), ("Admin key", "y")])
    assert stream.getvalue() == "\n  Syncline 1.0\n\n  ├─ API        http://x\n  └─ Admin key  y\n\n"


def test_a_reader_that_has_gone_does_not_stop_the_server() -> None:
    stream = io.StringIO()
    console = Console(stream, {})
    stream.close()
    console.event("ready")


def test_log_records_are_events() -> None:
    stream = io.StringIO()
    logger = logging.Logger("app")
    logger.addHandler(LogHandler(Console(stream, {})))
    try:
        raise ValueError("x")
    except ValueError:
        logger.exception("it broke")
    assert next(columns(stream.getvalue())) == ("error", "app it broke")
    assert "            ValueError: x" in stream.getvalue().splitlines()


def test_development_says_what_calls_did_and_what_they_caused(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server, SyncSocket(server.port) as socket:
        socket.connect().subscribe(0, "notes:list")
        socket.value(0)
        server.value("mutation", "notes:add", text="x")
        assert socket.value(0) == ["x"]
        server.value("mutation", "notes:clear", list="none")
        server.value("action", "notes:calculate", number=1)
        server.value("query", "notes:shout", text="a")
        server.post("mutation", path="notes:refuse", args={})
        server.post("query", path="notes:broken", args={})
        log = server.log.getvalue()
    events: dict[tuple[str, str], str] = {}
    for kind, rest in columns(log):
        words = rest.split(" ", 3)
        events[kind, words[0]] = words[3] if len(words) > 3 else ""
    assert events["mutation", "notes:add"] == "1 document written, 1 live query rerun"
    assert events["mutation", "notes:clear"] == "nothing written"
    assert events["action", "notes:calculate"] == ""
    assert events["query", "notes:shout"] == ""
    assert "            [LOG] 'shouting' 'a'" in log.splitlines()
    assert events["mutation", "notes:refuse"].startswith("AppError: bad [")
    assert events["query", "notes:broken"].startswith("ValueError: a bug [")
    assert "            ValueError: a bug" in log.splitlines()
    assert log.count("Traceback") == 1


def test_production_is_silent_about_what_is_expected(tmp_path: Path) -> None:
    with running(tmp_path, MODULES, mode=Mode.START) as server:
        server.value("mutation", "notes:add", text="x")
        server.post("mutation", path="notes:refuse", args={})
        server.value("query", "notes:count")
        assert server.log.getvalue() == ""
        server.post("query", path="notes:broken", args={})
        kinds = [kind for kind, _ in columns(server.log.getvalue())]
        assert kinds == ["query"]
