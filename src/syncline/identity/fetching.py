"""What the verifier needs of the network: documents of issuers. Who gets them is none of its business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document that arrived whole, with status 200."""

    body: bytes


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """`message` is for the server's log: what was asked for, and what came instead."""

    message: str


Answer: TypeAlias = Fetched | FetchFailed


class Fetch(Protocol):
    """Gets a JSON document: no redirects, within seconds and a few hundred kilobytes, never blocking its caller.

    `configured` says that the application's author wrote the URL's host; an address that somebody else named must be
    public. `done` is called once, on the loop thread.
    """

    def __call__(self, url: str, configured: bool, done: Callable[[Answer], None], /) -> None: ...
