"""What a caller cannot do: assertions that say what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from syncline.functions import FunctionDefinition, Kind
from syncline.kernel.errors import (
    ForbiddenError,
    FunctionNotFoundError,
    NotFoundError,
    SynclineError,
    UnauthenticatedError,
)
from syncline.schema import Page

#: How rules, and the middleware before them, refuse.
REFUSALS = (NotFoundError, ForbiddenError, UnauthenticatedError, FunctionNotFoundError)


def expect_refusal(
    who: str, definition: FunctionDefinition, arguments: Mapping[str, Any], call: Callable[[], object]
) -> SynclineError | None:
    """The refusal with which `call` ends, or None for a query that shows nothing. AssertionError otherwise."""
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    what = f"{definition.path}({shown})"
    try:
        value = call()
    except REFUSALS as error:
        return error
    except Exception as error:
        raise AssertionError(
            f"{who} was stopped from calling {what}, but by {type(error).__name__}, which says nothing about rights: "
            f"{error}\nA refusal is one of {', '.join(kind.__name__ for kind in REFUSALS)}"
        ) from error
    if definition.kind is Kind.QUERY:
        if shows_nothing(value):
            return None
        raise AssertionError(
            f"{who} can see what {what} shows: {value!r}\n"
            "Give the document class an `access`, or look at the caller in the query"
        )
    raise AssertionError(
        f"{who} can call {what}: it returned {value!r}, and what it wrote stays\n"
        "Give the document class an `access`, make the function internal=True, or look at the caller in it"
    )


def shows_nothing(value: object) -> bool:
    """Whether the result of a query holds nothing: None, an empty list or page, zero, False."""
    if isinstance(value, Page):
        return not cast("Page[object]", value).items
    return not value
