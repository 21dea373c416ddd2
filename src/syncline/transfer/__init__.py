"""Stored documents on their way out: browsing them, and exports as ZIP, JSON lines and CSV."""

from .files import export_csv, export_jsonl
from .filters import Filter, parse_filter
from .snapshot import Report, StoredSnapshot, StoredTable, open_snapshot
from .zips import export_zip

__all__ = [
    "Filter",
    "Report",
    "StoredSnapshot",
    "StoredTable",
    "export_csv",
    "export_jsonl",
    "export_zip",
    "open_snapshot",
    "parse_filter",
]
