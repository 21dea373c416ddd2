"""Durable bytes: documents, index entries and the commit log in one SQLite file."""

from __future__ import annotations

from .cache import CacheEntry, DocumentCache
from .check import KeysOf
from .commit_log import CommitLog
from .errors import (
    CorruptDataError,
    DamagedDataError,
    FolderLockedError,
    FolderUnusableError,
    LogTrimmedError,
    NewerDataError,
    QueryInterrupted,
    StoreBusyError,
    StoreFailedError,
    StoreFullError,
    WriteRefusedError,
    WrongKeyError,
)
from .keys import parse_key
from .layout import FIRST_USER_TABLE
from .loading import Conflict, Loaded, LoadRefusedError, TableChange
from .reader import Reader
from .staging import Progress as StagingProgress
from .staging import Repeat, StagedDocument, Staging
from .store import Store
from .text_index import TextIndexes
from .text_reader import TextReader
from .types import (
    ID_BYTES,
    KEY_TAIL_BYTES,
    Commit,
    DocumentWrite,
    EntryWrite,
    IndexInfo,
    RequestRecord,
    Row,
    ShapeInfo,
    StoredBody,
    TableInfo,
    Timestamp,
)
from .vector_index import Found as FoundNearest
from .vector_index import VectorIndexes
from .view import StoreView

__all__ = [
    "FIRST_USER_TABLE",
    "ID_BYTES",
    "KEY_TAIL_BYTES",
    "CacheEntry",
    "Commit",
    "CommitLog",
    "Conflict",
    "CorruptDataError",
    "DamagedDataError",
    "DocumentCache",
    "DocumentWrite",
    "EntryWrite",
    "FolderLockedError",
    "FolderUnusableError",
    "FoundNearest",
    "IndexInfo",
    "KeysOf",
    "LoadRefusedError",
    "Loaded",
    "LogTrimmedError",
    "NewerDataError",
    "QueryInterrupted",
    "Reader",
    "Repeat",
    "RequestRecord",
    "Row",
    "ShapeInfo",
    "StagedDocument",
    "Staging",
    "StagingProgress",
    "Store",
    "StoreBusyError",
    "StoreFailedError",
    "StoreFullError",
    "StoreView",
    "StoredBody",
    "TableChange",
    "TableInfo",
    "TextIndexes",
    "TextReader",
    "Timestamp",
    "VectorIndexes",
    "WriteRefusedError",
    "WrongKeyError",
    "parse_key",
]
