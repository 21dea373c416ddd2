"""Who wants to hear what the queries of a transaction have chosen to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .catalog import TableBinding
    from .selection import Selection


class Observer(Protocol):
    """Hears of each query of a transaction before it reads."""

    def selected(self, table: TableBinding, selection: Selection[Any], /) -> None:
        """A query on `table` is about to read what `selection` says, and may be stopped in the middle of it."""
        ...
