"""The commit log as others see it: an ordered, durable list of commits with one appender at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from .types import Commit, Timestamp


class CommitLog(Protocol):
    """An ordered, durable list of commits. What it promises is written down as tests in tests/contract."""

    @property
    def head(self) -> Timestamp:
        """The timestamp of the newest commit; 0 when there is none."""
        ...

    def next_ts(self) -> Timestamp:
        """A timestamp for the next commit: above the head, above all given out before, not below the clock."""
        ...

    def lock(self) -> AbstractContextManager[Timestamp]:
        """Keep every other appender out; gives the head, which stays while the lock is held."""
        ...

    def append(self, commits: Sequence[Commit]) -> None:
        """Make the commits durable: all of them or none. Timestamps must rise, and start above the head."""
        ...

    def commits_after(self, ts: Timestamp) -> list[Commit]:
        """All commits above `ts`, in order. LogTrimmedError when some of them are no longer kept."""
        ...
