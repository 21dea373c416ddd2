"""The SQLite file: its tables, its settings, and how connections to it are opened."""

from __future__ import annotations

from pathlib import Path

import apsw

from syncline.kernel.errors import SetupError

from .errors import CorruptDataError, FolderUnusableError, NewerDataError, WrongKeyError
from .sqlite import Connection, open_connection

APPLICATION_ID = 0x53594E43  # "SYNC": marks the file as ours
FORMAT = 1
KEY_BYTES = 32
# How long to wait for a program that has the file open and locked; our own processes never wait here.
BUSY_TIMEOUT_MS = 5_000
FIRST_USER_TABLE = 10_001

_PLAIN_HEADER = b"SQLite format 3\0"

# Measured with 20,000 documents of 250 bytes and random batches of 64 commits of 2 documents, CPU time:
# - pages of 8 KiB cost 15 % more per commit and 16 KiB 50 %; 2 KiB win nothing and cost scans 5 %;
# - a cache of 2 MiB makes reads in a long snapshot 30 % slower; 64 MiB win nothing;
# - memory-mapped reads are 25 % slower in snapshots shortly after a commit, where most reads happen;
# - deleting without traces where that costs no extra writes ("fast") is within noise of not doing it.
PAGE_SIZE = 4096
CACHE_KIB = 16 * 1024

SCHEMA = """
CREATE TABLE documents(
    tbl INTEGER NOT NULL, id BLOB NOT NULL, ts INTEGER NOT NULL, shape INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY(tbl, id)) WITHOUT ROWID;
CREATE TABLE entries(
    idx INTEGER NOT NULL, key BLOB NOT NULL,
    PRIMARY KEY(idx, key)) WITHOUT ROWID;
CREATE TABLE commits(
    ts INTEGER PRIMARY KEY, previous INTEGER NOT NULL, total INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE requests(
    session BLOB NOT NULL, request INTEGER NOT NULL, ts INTEGER NOT NULL, identity TEXT,
    result BLOB NOT NULL, log_lines BLOB NOT NULL,
    PRIMARY KEY(session, request)) WITHOUT ROWID;
CREATE TABLE tables(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, by_creation INTEGER NOT NULL);
CREATE TABLE indexes(
    number INTEGER PRIMARY KEY AUTOINCREMENT, tbl INTEGER NOT NULL, name TEXT NOT NULL,
    definition TEXT NOT NULL, ready INTEGER NOT NULL);
CREATE TABLE shapes(
    number INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, text TEXT NOT NULL, used INTEGER NOT NULL, UNIQUE(tbl, text));
CREATE TABLE secrets(name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


def connect(path: Path, key: bytes | None, *, durable: bool, vfs: str | None = None) -> Connection:
    """Open one connection with all settings. The file is made if it is not there."""
    connection = open_connection(path, vfs)
    if key is not None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"an encryption key has {KEY_BYTES} bytes, this one {len(key)}")
        # The order matters: the cipher is chosen before the key is given, and both before the first read.
        # A raw key skips the derivation of a key from a passphrase, which costs 70 ms per connection.
        if connection.pragma("cipher", "aegis") != "aegis":
            # Plain SQLite knows none of these settings, ignores them, and would write the data as it is.
            raise WrongKeyError(
                "the installed SQLite library cannot encrypt",
                "pip uninstall apsw, then pip install --force-reinstall apsw-sqlite3mc",
            )
        connection.pragma("key", f"raw:{key.hex()}")
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    connection.pragma("page_size", PAGE_SIZE)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full" if durable else "off")
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("secure_delete", "fast")
    return connection


def prepare(connection: Connection, path: Path) -> None:
    """Create the tables in a new file, or check that an existing one is ours and not from the future."""
    if is_ours(connection, path):
        return
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(SCHEMA)
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", FORMAT)
    connection.execute("COMMIT")


def is_ours(connection: Connection, path: Path) -> bool:
    """Whether the file has our tables; not if it is new. Raises CorruptDataError and NewerDataError for others."""
    version = connection.pragma("user_version")
    if version == FORMAT and connection.pragma("application_id") == APPLICATION_ID:
        return True
    if version > FORMAT and connection.pragma("application_id") == APPLICATION_ID:
        raise NewerDataError(
            f"{path} was written by a newer version of Syncline (data format {version}, this version reads up to {FORMAT})",
            "start the version of Syncline that wrote it, or a newer one",
        )
    if connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
        raise CorruptDataError(
            f"{path} is an SQLite database, but not one of Syncline",
            "name another data folder with --data, or move the file away",
        )
    return False


def explain_unusable(path: Path, key: bytes | None, error: apsw.Error) -> SetupError:
    """The error to raise when a file cannot be opened."""
    if not isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return FolderUnusableError(
            f"{path} cannot be opened: {error}",
            "check that the disk is not full and that this user may write to it",
        )
    with path.open("rb") as file:
        header = file.read(len(_PLAIN_HEADER))
    plain = header == _PLAIN_HEADER
    if key is not None and plain:
        return WrongKeyError(
            f"{path} is not encrypted, but an encryption key was given",
            "start without the key, or restore a backup into a new folder with the key",
        )
    if key is not None:
        return WrongKeyError(
            f"{path} does not open with this encryption key",
            "give the key that the data was made with; without it the data cannot be read. If the key is right, the "
            "first page of the file is damaged: restore the newest backup",
        )
    if not plain:
        return WrongKeyError(
            f"{path} is encrypted, or damaged at its start",
            "give the encryption key (SYNCLINE_DATA_KEY); if the data was never encrypted, restore the newest backup",
        )
    return CorruptDataError(
        f"{path} is damaged ({error})", "keep a copy of the data folder, then restore the newest backup"
    )
