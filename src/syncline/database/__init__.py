"""Transactions over the store: read sets, write sets, queries, and the catalog that binds a schema to them."""

from .range_index import RangeIndex
from .read_set import END, CommitRecord, EntryChange, ReadRange, ReadSet, document_index, document_range

__all__ = [
    "END",
    "CommitRecord",
    "EntryChange",
    "RangeIndex",
    "ReadRange",
    "ReadSet",
    "document_index",
    "document_range",
]
