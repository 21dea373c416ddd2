"""Which functions are being declared: the loader listens while it imports an application."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decorators import Function

# A context variable, so that a load in one thread does not see what another thread declares.
_declared: ContextVar[list[Function[..., Any]] | None] = ContextVar("declared functions", default=None)


def collect(function: Function[..., Any]) -> None:
    """Tell the load in progress, if there is one, about a function."""
    declared = _declared.get()
    if declared is not None:
        declared.append(function)


@contextmanager
def collecting() -> Generator[list[Function[..., Any]], None, None]:
    """The functions declared within the block, in order."""
    declared: list[Function[..., Any]] = []
    token = _declared.set(declared)
    try:
        yield declared
    finally:
        _declared.reset(token)
