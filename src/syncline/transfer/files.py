"""Files of exports: written beside their place and moved there when whole; JSON lines and CSV of one table."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

import msgspec

from syncline.kernel.errors import SetupError
from syncline.values import Json, parse_json, to_export_json

from .snapshot import Report, StoredSnapshot, StoredTable

_LINES_AT_ONCE = 500
_write = msgspec.json.Encoder().encode


@contextmanager
def new_file(path: Path) -> Generator[IO[bytes]]:
    """A file that appears under `path` when the block ends well, and not at all otherwise. Raises SetupError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    if path.exists():
        raise SetupError(f"{path} exists already", "name another file with --path, or remove this one")
    try:
        # For its owner only: an export holds everything that the data folder does.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise SetupError(
            f"{path} cannot be written: {error.strerror or error}",
            "check that its folder exists, that this user may write there and that the disk is not full, "
            "or name another file with --path",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def export_jsonl(snapshot: StoredSnapshot, table: StoredTable, path: Path, report: Report) -> int:
    """One document per line in the form `export_json`; returns how many. Raises SetupError."""
    with new_file(path) as file:
        return write_lines(file, snapshot.bodies(table, report))


def write_lines(file: IO[bytes], bodies: Iterable[bytes]) -> int:
    """Documents as lines of `export_json`; returns how many."""
    count = 0
    lines: list[bytes] = []
    for body in bodies:
        lines.append(to_export_json(body))
        if len(lines) == _LINES_AT_ONCE:
            count += _flush(file, lines)
    return count + _flush(file, lines)


def _flush(file: IO[bytes], lines: list[bytes]) -> int:
    count = len(lines)
    if lines:
        file.write(b"\n".join(lines) + b"\n")
    lines.clear()
    return count


def export_csv(snapshot: StoredSnapshot, table: StoredTable, path: Path, report: Report) -> int:
    """A header, then one document per row; returns how many. Raises SetupError.

    Text is written as it is, null as an empty cell, everything else as JSON.
    """
    columns = ["_id", "_creationTime", *table.fields]
    with new_file(path) as raw:
        file = io.TextIOWrapper(raw, "utf-8", newline="")
        writer = csv.writer(file)
        writer.writerow(columns)
        count = 0
        for row in _rows(snapshot.bodies(table, report), columns):
            writer.writerow(row)
            count += 1
        file.detach()  # What it holds is written; the file below stays open.
    return count


def _rows(bodies: Iterable[bytes], columns: list[str]) -> Iterator[list[str]]:
    for body in bodies:
        # The parser keeps `1` and `1.0` apart, so that an Int64 comes out as it went in.
        tree = cast("dict[str, Json]", parse_json(to_export_json(body)))
        yield [_cell(tree.get(name)) for name in columns]


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _write(value).decode()
