"""From arguments to outcomes: results, error texts, redaction."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.applications import functions
from syncline.functions import Failure, QueryCtx, Success, query, request_id_for
from syncline.kernel.errors import (
    AppError,
    CursorError,
    LimitError,
    NotFoundError,
    SynclineError,
)
from syncline.kernel.limits import Limits


@query
def greet(ctx: QueryCtx, name: str, times: int = 1) -> str:
    return f"hello {name}" * times


@query
def crash(ctx: QueryCtx) -> str:
    raise ValueError("boom")


@query
def refuse(ctx: QueryCtx) -> str:
    raise AppError({"code": "empty_body", "size": 0})


@query
def miss(ctx: QueryCtx) -> str:
    raise NotFoundError("there is no such thing")


@query
def lie(ctx: QueryCtx) -> str:
    answer: Any = 5
    return answer  # type: ignore[no-any-return] # a function that breaks its promise


@query
def leave(ctx: QueryCtx) -> str:
    raise SystemExit(3)


@query
def long(ctx: QueryCtx, size: int) -> str:
    return "x" * size


def test_arguments_reach_the_function_with_defaults_filled_in() -> None:
    with functions(greet) as app:
        assert app.value("test:greet", name="Ann") == "hello Ann"
        assert app.value("test:greet", name="Ann", times=2) == "hello Annhello Ann"


def test_a_decorated_function_is_called_inline_like_any_other() -> None:
    ctx: Any = None
    assert greet(ctx, name="Ann") == "hello Ann"


def test_an_unexpected_error_shows_message_and_frames_in_development() -> None:
    with functions(crash) as app:
        failure = app.failure("test:crash")
    line = crash.line + 1
    assert failure.message == (
        "[Request ID: 0123456789abcdef] Server Error\n"
        "Uncaught ValueError: boom\n"
        f"    at crash ({failure.error.frames[0].file}:{line}:5)\n"
    )
    assert failure.error.frames[0].file.endswith("test_invoke.py")
    assert failure.data is None
    assert failure.error.type == "ValueError"
    assert not failure.error.expected
    traceback = json.loads(failure.log_lines)[-1]
    assert traceback.startswith("[ERROR] Traceback (most recent call last):\n")
    assert traceback.endswith("ValueError: boom")
    assert "invoke.py" not in traceback.replace("test_invoke.py", "")


def test_an_unexpected_error_is_a_request_id_and_nothing_else_in_production() -> None:
    with functions(crash, redact=True) as app:
        failure = app.failure("test:crash")
    assert failure.message == "[Request ID: 0123456789abcdef] Server Error"
    assert failure.log_lines == b"[]"
    assert failure.data is None
    assert "boom" in failure.error.traceback, "the server's own log has all of it"
    assert failure.lines == ()


def test_an_app_error_reaches_the_client_with_its_data_in_production_too() -> None:
    with functions(refuse) as app:
        shown = app.failure("test:refuse")
    with functions(refuse, redact=True) as app:
        redacted = app.failure("test:refuse")
    data = b'{"code":"empty_body","size":0.0}'
    assert shown.data == redacted.data == data
    assert shown.message.startswith(
        f"[Request ID: 0123456789abcdef] Server Error\nUncaught ConvexError: {data.decode()}\n    at refuse ("
    )
    assert redacted.message == "[Request ID: 0123456789abcdef] Server Error"
    assert shown.log_lines == b"[]", "an expected error is no news for the log"


def test_errors_that_clients_may_see_carry_code_and_message() -> None:
    with functions(miss, redact=True) as app:
        failure = app.failure("test:miss")
    assert failure.data == b'{"code":"not_found","message":"there is no such thing"}'
    assert isinstance(failure.exception, NotFoundError)
    assert failure.exception.__traceback__ is None


def test_data_that_cannot_be_sent_is_an_error_that_says_so() -> None:
    @query
    def strange(ctx: QueryCtx) -> str:
        raise AppError(object())

    with functions(strange) as app:
        failure = app.failure("test:strange")
    assert failure.data is None
    assert "Uncaught TypeError: the data of this AppError cannot be sent: " in failure.message


def test_an_invalid_cursor_is_recognised_by_pagination_hooks_in_both_modes() -> None:
    @query
    def page(ctx: QueryCtx) -> str:
        raise CursorError

    with functions(page, redact=True) as app:
        redacted = app.failure("test:page")
    with functions(page) as app:
        shown = app.failure("test:page")
    assert redacted.data == b'{"isConvexSystemError":true,"paginationError":"InvalidCursor"}'
    assert "InvalidCursor" in shown.message


def test_wrong_arguments_are_reported_without_running_anything() -> None:
    with functions(greet) as app:
        failure = app.failure("test:greet", name="Ann", tims=2)
    assert failure.message.startswith(
        "[Request ID: 0123456789abcdef] Server Error\nArgumentValidationError: Object contains extra field `tims` "
    )
    data = json.loads(failure.data or b"")
    assert data["code"] == "invalid_argument"
    assert data["message"].startswith("ArgumentValidationError: ")
    assert failure.error.frames == ()


@pytest.mark.parametrize("raw", [b"", b"[", b"[]", b"5", b'{"name": "\\ud800"}', b'{"name": NaN}', b"\xff"])
def test_arguments_that_are_no_object_are_refused(raw: bytes) -> None:
    with functions(greet) as app:
        failure = app.call("test:greet", raw_args=raw)
    assert isinstance(failure, Failure)
    assert "test.js:greet" in failure.message or "ArgumentValidationError" in failure.message


def test_arguments_above_the_limit_name_sizes() -> None:
    with functions(greet, limits=Limits(argument_bytes=1024 * 1024)) as app:
        failure = app.failure("test:greet", name="x" * 1024 * 1024 * 2)
    assert "Arguments for test.js:greet are too large (actual: 2.00 MiB, limit: 1 MiB)" in failure.message


def test_a_result_above_the_limit_says_what_to_do() -> None:
    with functions(long, limits=Limits(result_bytes=100)) as app:
        assert isinstance(app.call("test:long", size=98), Success)
        failure = app.failure("test:long", size=99)
    assert "result bytes: the result of test:long has 101, the limit is 100. Return less" in failure.message


def test_a_result_that_breaks_its_hint_fails_the_run() -> None:
    with functions(lie) as app:
        failure = app.failure("test:lie")
    assert "\nReturnsValidationError: Value does not match validator." in failure.message


def test_leaving_the_interpreter_ends_the_function_only() -> None:
    with functions(leave) as app:
        failure = app.failure("test:leave")
    assert "Uncaught SystemExit: 3" in failure.message


def test_equal_failures_have_equal_fingerprints_whatever_their_request_id() -> None:
    with functions(crash, refuse) as app:
        first = app.call("test:crash", request_id="1" * 16)
        second = app.call("test:crash", request_id="2" * 16)
        other = app.call("test:refuse")
    assert isinstance(first, Failure) and isinstance(second, Failure) and isinstance(other, Failure)
    assert first.fingerprint == second.fingerprint != other.fingerprint
    assert first.message != second.message


def test_request_ids_have_16_hexadecimal_digits() -> None:
    with functions(crash) as app:
        failure = app.call("test:crash", request_id=None)
    assert isinstance(failure, Failure)
    assert len(bytes.fromhex(failure.request_id)) == 8
    # SHA-256 of "00112233-4455-6677-8899-aabbccddeeff|7"
    session = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert request_id_for(session, 7) == "66be1c3560891b21"


def test_a_query_that_gives_two_results_is_reported_in_development() -> None:
    counter = iter(range(100))

    @query
    def count(ctx: QueryCtx) -> int:
        return next(counter)

    @query
    def chance(ctx: QueryCtx) -> float:
        return ctx.random.random()

    with functions(count, chance, run_twice=True) as app:
        outcome = app.call("test:count")
        steady = app.call("test:chance")
    assert isinstance(outcome, Success) and isinstance(steady, Success)
    assert outcome.lines[0].startswith(
        "[WARN] test:count is not deterministic: it ran twice on the same data, and gave another result the second time."
    )
    assert steady.lines == ()


def test_an_error_whose_message_cannot_be_made_is_still_an_error() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    @query
    def broken(ctx: QueryCtx) -> str:
        raise Broken

    with functions(broken) as app:
        assert (
            "Uncaught Broken: (its message cannot be shown: RuntimeError)"
            in app.failure("test:broken").message
        )


def test_limit_errors_raised_by_the_function_itself_show_where() -> None:
    @query
    def limited(ctx: QueryCtx) -> str:
        raise LimitError("too much")

    with functions(limited) as app:
        failure = app.failure("test:limited")
    assert "\nUncaught LimitError: too much\n    at " in failure.message
    assert isinstance(failure.exception, SynclineError)


def test_megabytes_of_tiny_arguments_are_refused_before_they_are_decoded() -> None:
    with functions(greet, limits=Limits(argument_values=1_000)) as app:
        failure = app.failure("test:greet", name=["x"] * 2_000)
    assert "Arguments for test.js:greet have too many values (about 2,0" in failure.message
    assert "the limit argument_values is 1,000). Send them in several calls" in failure.message
