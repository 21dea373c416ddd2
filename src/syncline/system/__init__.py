"""Syncline's own tables: documents like any other, transactional and live, in every database.

Their names begin with `_`. Applications never write them through `ctx.db`; what `ctx` offers instead does.
"""

from __future__ import annotations

from syncline.schema import TableSpec, table_of

from .environment import EnvironmentVariable
from .jobs import CronJob, CronRun, JobKind, JobState, ScheduledJob

#: In the order in which a new store numbers them; add at the end.
SYSTEM_TABLES: tuple[TableSpec, ...] = (
    table_of(EnvironmentVariable),
    table_of(ScheduledJob),
    table_of(CronJob),
)

__all__ = [
    "SYSTEM_TABLES",
    "CronJob",
    "CronRun",
    "EnvironmentVariable",
    "JobKind",
    "JobState",
    "ScheduledJob",
]
