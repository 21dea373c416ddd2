"""Syncline's own tables: documents like any other, transactional and live, in every database.

Their names begin with `_`. Applications never write them through `ctx.db`; what `ctx` offers instead does.
"""

from __future__ import annotations

from syncline.schema import TableSpec, table_of

from .aggregates import AggregateRow
from .environment import EnvironmentVariable
from .files import DeletedBlob, StoredBlob, StoredFile, UsedUpload
from .helpers import MigrationRun, MigrationState, PresenceEntry, RateBucket
from .jobs import CronJob, CronRun, JobKind, JobState, ScheduledJob
from .organizations import CopyState, Organization, OrganizationMember
from .progress import ActionProgress
from .transfers import ExportJob, ImportJob
from .users import UserProfile
from .workflows import StepKind, StepState, WorkflowEvent, WorkflowRun, WorkflowState, WorkflowStep

#: In the order in which a new store numbers them; add at the end.
SYSTEM_TABLES: tuple[TableSpec, ...] = (
    table_of(EnvironmentVariable),
    table_of(ScheduledJob),
    table_of(CronJob),
    table_of(ActionProgress),
    table_of(WorkflowRun),
    table_of(WorkflowStep),
    table_of(RateBucket),
    table_of(PresenceEntry),
    table_of(MigrationRun),
    table_of(ImportJob),
    table_of(ExportJob),
    table_of(AggregateRow),
    table_of(StoredFile),
    table_of(StoredBlob),
    table_of(DeletedBlob),
    table_of(UsedUpload),
    table_of(UserProfile),
    table_of(OrganizationMember),
    table_of(Organization),
    table_of(CopyState),
)

__all__ = [
    "SYSTEM_TABLES",
    "ActionProgress",
    "AggregateRow",
    "CopyState",
    "CronJob",
    "CronRun",
    "DeletedBlob",
    "EnvironmentVariable",
    "ExportJob",
    "ImportJob",
    "JobKind",
    "JobState",
    "MigrationRun",
    "MigrationState",
    "Organization",
    "OrganizationMember",
    "PresenceEntry",
    "RateBucket",
    "ScheduledJob",
    "StepKind",
    "StepState",
    "StoredBlob",
    "StoredFile",
    "UsedUpload",
    "UserProfile",
    "WorkflowEvent",
    "WorkflowRun",
    "WorkflowState",
    "WorkflowStep",
]
