"""Calling what others handed in, without letting its errors through."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

log = logging.getLogger("syncline.sync")


def call_back(done: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """One caller's failure must not reach the others of its batch."""
    try:
        done(*args, **kwargs)
    except Exception:
        log.exception("a callback failed: %r", done)
