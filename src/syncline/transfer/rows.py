"""Rows of files: JSON lines, JSON arrays and CSV, read as they are consumed, each with where it stands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Final, Protocol, cast

import msgspec

from syncline.kernel.errors import SetupError
from syncline.schema import MISSING, TableSpec, TypeNode
from syncline.values import InvalidValueError, Json, parse_json

from .dialects import apply_hint

#: A line of JSON, or a cell, that is longer is no document.
LINE_BYTES: Final = 16 * 1024 * 1024
#: A JSON array is read as a whole.
ARRAY_BYTES: Final = 256 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_read_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `tree` None: it could not be read, and `problem` says why. `position`: bytes read of the file."""

    line: int
    tree: dict[str, Json] | None
    problem: str = ""
    position: int = 0


def json_lines(file: IO[bytes]) -> Iterator[Row]:
    """One object per line. Empty lines are skipped, and so is a byte order mark."""
    position = line = 0
    while raw := file.readline(LINE_BYTES + 1):
        line += 1
        position += len(raw)
        if line == 1:
            raw = raw.removeprefix(_BOM)
        if len(raw) > LINE_BYTES:
            yield Row(line, None, f"the line is longer than {LINE_BYTES:,} bytes", position)
            return
        raw = raw.strip()
        if raw:
            yield _row(line, raw, position)


def json_array(file: IO[bytes]) -> Iterator[Row]:
    """The objects of one array. Their line is their place in it, from 1 on: an array may stand on one line."""
    raw = file.read(ARRAY_BYTES + 1).removeprefix(_BOM)
    if len(raw) > ARRAY_BYTES:
        raise SetupError(
            f"the JSON array is larger than {ARRAY_BYTES:,} bytes, and would be read as a whole",
            "convert it to JSON lines, one object per line: jq -c '.[]' FILE > FILE.jsonl",
        )
    try:
        items = _read_items(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise SetupError(
            f"the file is no JSON array of objects: {error}", "files with an object per line are named .jsonl"
        ) from None
    for number, item in enumerate(items, 1):
        yield _row(number, bytes(item), 0)


def _row(line: int, raw: bytes, position: int) -> Row:
    try:
        # The parser tells 1 from 1.0.
        tree = parse_json(raw)
    except InvalidValueError as error:
        return Row(line, None, f"this is not JSON: {error}", position)
    if not isinstance(tree, dict):
        return Row(line, None, f"a document is a JSON object, got {type(tree).__name__}", position)
    return Row(line, tree, "", position)


class CsvLines(Protocol):
    """What csv.reader gives."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


class CsvReader:
    """Rows of a CSV file with a header, each cell in the type of its field."""

    def __init__(self, spec: TableSpec) -> None:
        self._spec = spec

    def rows(self, file: IO[bytes]) -> Iterator[Row]:
        """Raises SetupError for a header that cannot be used."""
        csv.field_size_limit(LINE_BYTES)
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            yield from self._rows(csv.reader(text, strict=True), file)
        finally:
            text.detach()  # Whoever opened the file closes it.

    def _rows(self, reader: CsvLines, file: IO[bytes]) -> Iterator[Row]:
        try:
            names = [name.strip() for name in next(reader, list[str]())]
        except (csv.Error, UnicodeDecodeError) as error:
            raise SetupError(f"the header of the CSV file cannot be read: {error}") from None
        _check_header(names)
        cells = [self._cell_reader(name) for name in names]
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except (csv.Error, UnicodeDecodeError) as error:
                yield Row(line, None, f"this is not CSV: {error}", _position(file))
                return  # Where the next row begins is anybody's guess.
            if row is None:
                return
            if not row:
                continue
            if len(row) != len(names):
                problem = f"the row has {len(row)} cells, the header {len(names)}"
                yield Row(line, None, problem, _position(file))
                continue
            tree = {
                name: value
                for name, read, cell in zip(names, cells, row, strict=True)
                if (value := read(cell)) is not _LEFT_OUT
            }
            yield Row(line, cast("dict[str, Json]", tree), "", _position(file))

    def _cell_reader(self, name: str) -> _Cell:
        field = self._spec.by_name.get(name)
        if field is not None:
            return _Cell(field.node, optional=field.default is not MISSING)
        return _Cell(None, optional=name in ("_id", "_creationTime"))


class _LeftOut:
    """An empty cell of a field that has a default."""


_LEFT_OUT: Final = _LeftOut()


class _Cell:
    """Reads the cells of one column. `node` None: a column that is no field."""

    def __init__(self, node: TypeNode | None, *, optional: bool) -> None:
        self._kinds = node.kinds if node is not None else frozenset({"string", "number"})
        self._optional = optional
        self._text_only = node is not None and self._kinds <= {"string", "null"}

    def __call__(self, cell: str) -> Json | _LeftOut:
        kinds = self._kinds
        if not cell:
            if "null" in kinds:
                return None
            if "string" in kinds and not (self._optional and not self._text_only):
                return ""
            return _LEFT_OUT
        if self._text_only:
            return cell
        value = _json_of(cell)
        if isinstance(value, bool) and "boolean" not in kinds:
            return cell
        if isinstance(value, dict | list) and not kinds & {"object", "array", "bytes", "number", "int64"}:
            return cell
        # A string in quotes is not what an export writes: there, text stands as it is.
        return cell if value is None or isinstance(value, str) else value


def _json_of(cell: str) -> Json:
    """What a cell stands for, if not its text."""
    text = cell.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return cast("Json", json.loads(text)) if text[:1] not in ("N", "I") else None
    except (ValueError, RecursionError):
        pass
    try:
        number = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None
    return number if number is not None and number - number == 0.0 else None


def _check_header(names: list[str]) -> None:
    if not names or names == [""]:
        raise SetupError("the CSV file is empty", "its first line names the fields")
    if "" in names:
        raise SetupError(
            f"column {names.index('') + 1} of the CSV file has no name", "the first line names the fields"
        )
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise SetupError(f"the CSV file has several columns {min(repeated)!r}", "remove all but one")


def _position(file: IO[bytes]) -> int:
    try:
        return file.tell()
    except (OSError, ValueError):
        return 0


def overridden(rows: Iterator[Row], hints: Mapping[str, Json]) -> Iterator[Row]:
    """Rows of an older export with what its generated_schema.jsonl says about single documents."""
    for row in rows:
        hint = hints.get(str(row.tree.get("_id"))) if row.tree is not None else None
        if hint is None or row.tree is None:
            yield row
            continue
        try:
            tree = cast("dict[str, Json]", apply_hint(row.tree, hint))
        except (ValueError, KeyError, OverflowError) as error:
            yield Row(row.line, None, f"generated_schema.jsonl does not fit the document: {error}")
        else:
            yield Row(row.line, tree, "", row.position)
