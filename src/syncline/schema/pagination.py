"""Pages of a list: what clients ask for, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class PaginationOptions:
    """Which page a client asks for. An argument of this type is called `paginationOpts` on the wire.

    `cursor` None is the first page. With `end_cursor` the page is what lies between the two, however many rows.
    """

    num_items: int
    cursor: str | None = None
    end_cursor: str | None = None
    maximum_rows_read: int | None = None
    maximum_bytes_read: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page: rows after one cursor, up to and including another. `cursor` is where the next page begins."""

    items: list[T]
    is_done: bool
    cursor: str
    split_cursor: str | None = None
    status: Literal["SplitRecommended", "SplitRequired"] | None = None

    def map(self, fn: Callable[[T], U]) -> Page[U]:
        """The same page with every row turned into something else."""
        return Page(
            [fn(item) for item in self.items], self.is_done, self.cursor, self.split_cursor, self.status
        )
