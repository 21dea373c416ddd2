"""Functions of Syncline itself, at paths that begin with `_system/`: internal, so only admins and the backend call them."""

from __future__ import annotations

from functools import cache

from syncline.functions.definitions import FunctionDefinition, define

from . import (
    documents,
    environment,
    jobs,
    merges,
    migrations,
    official,
    progress,
    storage,
    streams,
    transfers,
    users,
    workflows,
)
from .specification import specification_query

_MODULES = (
    environment,
    jobs,
    transfers,
    progress,
    streams,
    workflows,
    storage,
    migrations,
    documents,
    users,
    merges,
)


@cache
def system_definitions() -> tuple[FunctionDefinition, ...]:
    """All of them. Those of a module are at "_system/<module>:<name>"."""
    own = tuple(
        define(function, f"_system/{module.__name__.rpartition('.')[2]}:{function.name}")
        for module in _MODULES
        for function in module.FUNCTIONS
    )
    return own + tuple(define(function, path) for path, function in official.FUNCTIONS.items())


__all__ = ["specification_query", "system_definitions"]
