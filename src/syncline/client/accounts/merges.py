"""`accounts.merges`."""

from __future__ import annotations

import threading

from .pages import Pages, Requests, part
from .records import Merge

_POLL_SECONDS = 0.25


class Merges:
    """Merges of users, and how far their documents are. `source` is the id of the user that is no more."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, *, page_size: int = 100) -> Pages[Merge]:
        """All of them, in the order of those ids."""
        return self._requests.pages(Merge, "/merges", page_size)

    def get(self, source: str) -> Merge:
        """One."""
        return self._requests.get(Merge, f"/merges/{part(source)}")

    def wait(self, source: str, *, seconds: float = 60.0) -> Merge:
        """One, as soon as all documents were moved, or as it is after about so many seconds: look at `done_at`."""
        found = self.get(source)
        for _ in range(int(seconds / _POLL_SECONDS)):
            if found.done_at is not None:
                break
            threading.Event().wait(_POLL_SECONDS)
            found = self.get(source)
        return found
