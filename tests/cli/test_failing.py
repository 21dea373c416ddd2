"""The one line that a failure of a function becomes, where a command failed because of it."""

from __future__ import annotations

import pytest

from syncline.cli.failing import reason_in

ENVELOPE = "[Request ID: 1f2e] Server Error"


@pytest.mark.parametrize(
    ("message", "data", "reason"),
    [
        (f"{ENVELOPE}\nUncaught NotFoundError: there is no job j1\n    at File", None, "there is no job j1"),
        (f"{ENVELOPE}\n\nUncaught LimitError: too long: 9 KB", None, "too long: 9 KB"),
        (
            f"{ENVELOPE}\nUncaught ConvexError: {{}}",
            b'{"code": "x", "message": "it is taken"}',
            "it is taken",
        ),
        ("NotFoundError: there is no job j1", None, "there is no job j1"),
        ("the server is busy: try again", None, "the server is busy: try again"),
        (
            f"{ENVELOPE}\nArgumentValidationError: Value does not match validator.\nPath: .id\n"
            "Value: 3\nValidator: v.string()\n\n`$.id`: expected str, got int",
            None,
            "arguments that do not fit: `id`: expected str, got int",
        ),
        (ENVELOPE, None, "the server keeps the reason for its log: look there for the request id"),
    ],
)
def test_a_failure_is_told_in_one_line_without_what_is_for_logs(
    message: str, data: bytes | None, reason: str
) -> None:
    assert reason_in(message, data) == reason
