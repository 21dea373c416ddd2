"""Log lines: print, standard output, logging and ctx.log, of one run and of nothing else."""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import Any

import pytest

from support.applications import functions
from syncline.functions import QueryCtx, Success, query
from syncline.kernel.limits import Limits


def lines_of(function: Any, **options: Any) -> list[str]:
    with functions(function, **options) as app:
        outcome = app.call(f"test:{function.name}")
    assert isinstance(outcome, Success), outcome.message
    assert tuple(json.loads(outcome.log_lines)) == outcome.lines
    return list(outcome.lines)


def test_printed_values_are_shown_as_python_shows_them() -> None:
    @query
    def speak(ctx: QueryCtx) -> None:
        print("hello", 42, None, {"a": [1.5]}, "it's")
        print()
        print("a", "b", sep="-")

    assert lines_of(speak) == ["[LOG] 'hello' 42 None {'a': [1.5]} \"it's\"", "[LOG] ", "[LOG] 'a'-'b'"]


def test_text_written_to_standard_output_becomes_lines() -> None:
    @query
    def write(ctx: QueryCtx) -> None:
        sys.stdout.write("one\ntwo")
        sys.stdout.writelines([" more\n", "last"])
        print("x", end="!")
        sys.stdout.flush()

    assert lines_of(write) == ["[LOG] 'one'", "[LOG] 'two more'", "[LOG] 'lastx!'"]


def test_logging_keeps_its_levels() -> None:
    logger = logging.getLogger("test_logs.captured")

    @query
    def log(ctx: QueryCtx) -> None:
        logger.setLevel(logging.DEBUG)
        logger.debug("d %s", 1)
        logger.info("i")
        logger.warning("w")
        logger.error("e")
        logger.critical("c")
        logging.getLogger("test_logs.quiet").info("below the level of its logger")

    assert lines_of(log) == ["[DEBUG] 'd 1'", "[INFO] 'i'", "[WARN] 'w'", "[ERROR] 'e'", "[ERROR] 'c'"]


def test_a_logged_exception_brings_its_traceback() -> None:
    @query
    def log(ctx: QueryCtx) -> None:
        try:
            raise ValueError("inner")
        except ValueError:
            logging.getLogger("test_logs").exception("failed")

    (line,) = lines_of(log)
    assert line.startswith("[ERROR] 'failed'\nTraceback (most recent call last):\n")
    assert line.endswith("ValueError: inner")


def test_the_context_logs_with_levels() -> None:
    @query
    def log(ctx: QueryCtx) -> None:
        ctx.log.debug({"a": 1})
        ctx.log.info("b")
        ctx.log.warning("c")
        ctx.log.error("d")

    assert lines_of(log) == ["[DEBUG] {'a': 1}", "[INFO] 'b'", "[WARN] 'c'", "[ERROR] 'd'"]


def test_lines_in_production_stay_on_the_server() -> None:
    @query
    def speak(ctx: QueryCtx) -> None:
        print("secret")

    with functions(speak, redact=True) as app:
        outcome = app.call("test:speak")
    assert isinstance(outcome, Success)
    assert outcome.log_lines == b"[]"
    assert outcome.lines == ("[LOG] 'secret'",)


def test_lines_of_a_run_that_fails_are_kept() -> None:
    @query
    def fail(ctx: QueryCtx) -> None:
        print("before")
        raise ValueError

    with functions(fail) as app:
        failure = app.failure("test:fail")
    assert json.loads(failure.log_lines)[0] == "[LOG] 'before'"
    assert failure.lines == ("[LOG] 'before'",)


def test_too_many_lines_are_cut_with_a_note() -> None:
    shown: list[int] = []

    class Costly:
        def __repr__(self) -> str:
            shown.append(1)
            return "costly"

    @query
    def flood(ctx: QueryCtx) -> None:
        for _ in range(1000):
            print(Costly())

    lines = lines_of(flood)
    assert len(lines) == 257
    assert lines[-1] == "[WARN] more than 256 log lines: the rest was left out"
    assert len(shown) == 256, "lines that nobody will see are not made"


def test_a_long_line_is_cut_at_a_whole_character() -> None:
    @query
    def shout(ctx: QueryCtx) -> None:
        print("ü" * 100)

    (line,) = lines_of(shout, limits=Limits(log_line_bytes=100))
    assert line.endswith("ü (truncated due to length)")
    assert 98 <= len(line.encode()) <= 100


def test_lone_surrogates_in_a_line_do_not_break_the_answer() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "\ud800"

    @query
    def odd(ctx: QueryCtx) -> None:
        print(Odd())

    with functions(odd) as app:
        outcome = app.call("test:odd")
    assert isinstance(outcome, Success)
    assert json.loads(outcome.log_lines) == ["[LOG] \\ud800"]


def test_output_of_other_threads_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def elsewhere() -> None:
        print("from another thread")

    @query
    def quiet(ctx: QueryCtx) -> None:
        other.join()
        print("mine")

    other = threading.Thread(target=elsewhere)
    with functions(quiet) as app:
        other.start()
        outcome = app.call("test:quiet")
    assert isinstance(outcome, Success)
    assert outcome.lines == ("[LOG] 'mine'",)
    print("outside")
    assert capsys.readouterr().out == "from another thread\noutside\n"


def test_a_file_of_its_own_gets_what_is_printed_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    @query
    def complain(ctx: QueryCtx) -> None:
        print("to the terminal", file=sys.stderr)

    assert lines_of(complain) == []
    assert capsys.readouterr().err == "to the terminal\n"


def test_other_handlers_still_hear_what_a_function_logs() -> None:
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    logger = logging.getLogger("test_logs.heard")
    ear = Ear()
    logger.addHandler(ear)

    @query
    def log(ctx: QueryCtx) -> None:
        logger.warning("both")

    try:
        assert lines_of(log) == ["[WARN] 'both'"]
        logger.warning("outside")
    finally:
        logger.removeHandler(ear)
    assert heard == ["both", "outside"]
