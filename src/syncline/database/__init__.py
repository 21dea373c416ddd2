"""Transactions over the store: read sets, write sets, queries, and the catalog that binds a schema to them."""

from .access import DatabaseReader, DatabaseWriter, SystemWriter
from .activation import Progress, activate, declare_derived, last_creation_time
from .aggregate_building import build_aggregates, find_wrong_aggregates
from .aggregate_reading import Group
from .blending import blend
from .catalog import Catalog, TableBinding
from .creation import CreationClock
from .query import Query
from .range_index import RangeIndex
from .read_set import (
    END,
    CommitRecord,
    EntryChange,
    ReadRange,
    ReadSet,
    commit_record,
    document_index,
    document_range,
)
from .rules import Guard, RuleCaller
from .snapshot import CachedSnapshot, KeyCache
from .transaction import Transaction
from .write_set import Mark, WriteSet

__all__ = [
    "END",
    "CachedSnapshot",
    "Catalog",
    "CommitRecord",
    "CreationClock",
    "DatabaseReader",
    "DatabaseWriter",
    "EntryChange",
    "Group",
    "Guard",
    "KeyCache",
    "Mark",
    "Progress",
    "Query",
    "RangeIndex",
    "ReadRange",
    "ReadSet",
    "RuleCaller",
    "SystemWriter",
    "TableBinding",
    "Transaction",
    "WriteSet",
    "activate",
    "blend",
    "build_aggregates",
    "commit_record",
    "declare_derived",
    "document_index",
    "document_range",
    "find_wrong_aggregates",
    "last_creation_time",
]
