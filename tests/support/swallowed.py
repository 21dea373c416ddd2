"""Errors that the server keeps from its other clients by logging them: in tests there must be none."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def nothing_swallowed() -> Generator[None]:
    """Raise the first error that `syncline.sync` has logged, after the body has ended."""
    kept = _Kept()
    logger = logging.getLogger("syncline.sync")
    logger.addHandler(kept)
    try:
        yield
    finally:
        logger.removeHandler(kept)
    for record in kept.records:
        assert record.exc_info is not None, record.getMessage()
        assert record.exc_info[1] is not None
        raise record.exc_info[1]
