"""Documents on their way out and in: browsing, exports, and imports, as ZIP, JSON and CSV."""

from .files import export_csv, export_jsonl
from .filters import Filter, parse_filter
from .importing import Import, ImportRefused, TableSummary
from .plans import Mode
from .snapshot import FILES, Report, StoredSnapshot, StoredTable, open_snapshot
from .sources import Contents, Format, open_contents
from .zips import export_zip

__all__ = [
    "FILES",
    "Contents",
    "Filter",
    "Format",
    "Import",
    "ImportRefused",
    "Mode",
    "Report",
    "StoredSnapshot",
    "StoredTable",
    "TableSummary",
    "export_csv",
    "export_jsonl",
    "export_zip",
    "open_contents",
    "open_snapshot",
    "parse_filter",
]
