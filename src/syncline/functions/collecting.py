"""Which functions, routes and App objects are being declared: the loader listens while it imports an application."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .app import App
    from .decorators import Function
    from .routes import Route

Declared: TypeAlias = "Function[..., Any] | Route | App"

# A context variable, so that a load in one thread does not see what another thread declares.
_declared: ContextVar[list[Declared] | None] = ContextVar("declared functions", default=None)


def collect(item: Declared) -> None:
    """Tell the load in progress, if there is one, about what is declared."""
    declared = _declared.get()
    if declared is not None:
        declared.append(item)


@contextmanager
def collecting() -> Generator[list[Declared], None, None]:
    """What is declared within the block, in order."""
    declared: list[Declared] = []
    token = _declared.set(declared)
    try:
        yield declared
    finally:
        _declared.reset(token)
