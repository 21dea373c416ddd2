"""What can be said of a release without running it, and of its data by looking at them."""

from .broken import broken_files
from .fields import check_fields
from .findings import Finding, Severity, in_order, without_waived
from .sources import Place, SourceFile, source_files
from .stored import DataFindings, check_data

__all__ = [
    "DataFindings",
    "Finding",
    "Place",
    "Severity",
    "SourceFile",
    "broken_files",
    "check_data",
    "check_fields",
    "in_order",
    "source_files",
    "without_waived",
]
