"""Calling what others handed in, without letting its errors through."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

P = ParamSpec("P")

log = logging.getLogger("syncline.sync")


def call_back(done: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """One caller's failure must not reach the others of its batch."""
    try:
        done(*args, **kwargs)
    except Exception:
        # By its name: what it would show of itself holds arguments of calls.
        function = done.func if isinstance(done, partial) else done
        log.exception("a callback failed: %s", getattr(function, "__qualname__", type(function).__name__))
