"""What schemathesis checks beyond its own: arguments that the description excludes are refused, and no others.

Its own check for that looks at the status only. Functions answer with status 200 whether they fail or not, as the
clients of the protocol expect, and say so in the body.
"""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

_REFUSED = ("ArgumentValidationError", "Invalid arguments")
#: What no schema can say: ids and cursors are made by the server, and the lengths of whole bodies are limited.
_MADE_BY_THE_SERVER = (
    "Expected ID",
    "does not match the table name",
    "Id[",
    "InvalidCursor",
    "too deeply nested",
)


def _is_json(response: schemathesis.Response) -> bool:
    """The body is read as JSON whatever its type is said to be: another type alone excludes nothing."""
    return response.request.headers.get("Content-Type") == "application/json"


def _body(response: schemathesis.Response) -> bytes:
    body = response.request.body
    return body if isinstance(body, bytes) else str(body).encode()


@schemathesis.check
def arguments_are_refused_if_and_only_if_the_description_excludes_them(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    if response.status_code != 200 or case.method != "POST" or not _is_json(response):
        return
    answer = response.json()
    refused = answer["status"] == "error" and any(text in answer["errorMessage"] for text in _REFUSED)
    negative = case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE
    if b"9007199254740993" in _body(response):
        return  # As a float, which JavaScript's numbers are, this is the largest number that is allowed.
    if negative:
        assert answer["status"] == "error", "arguments that do not fit were taken"
    elif refused:
        assert any(text in answer["errorMessage"] for text in _MADE_BY_THE_SERVER), answer["errorMessage"]
