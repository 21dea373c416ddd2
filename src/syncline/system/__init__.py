"""Syncline's own tables: documents like any other, transactional and live, in every database.

Their names begin with `_`. Applications never write them through `ctx.db`; what `ctx` offers instead does.
"""

from __future__ import annotations

from syncline.schema import TableSpec, table_of

from .environment import EnvironmentVariable

#: In the order in which a new store numbers them; add at the end.
SYSTEM_TABLES: tuple[TableSpec, ...] = (table_of(EnvironmentVariable),)

__all__ = ["SYSTEM_TABLES", "EnvironmentVariable"]
