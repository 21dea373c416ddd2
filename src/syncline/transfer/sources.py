"""What a file has to import: tables, their numbers, and where their rows are."""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Final, cast

import msgspec

from syncline.kernel.errors import SetupError, quoted
from syncline.schema import TableSpec
from syncline.values import Json, decode_id

from .dialects import Dialect
from .rows import CsvReader, Row, json_array, json_lines, overridden
from .snapshot import FILES


class Format(Enum):
    """The formats by the names that users give them; `value` is also the usual suffix."""

    ZIP = "zip"
    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"

    @classmethod
    def of(cls, path: Path, name: str | None) -> Format:
        """The format called `name`, or that of the file's suffix. Raises SetupError."""
        text = name or path.suffix.lstrip(".").lower()
        try:
            return cls(text)
        except ValueError:
            raise SetupError(
                f"{path} does not say by its name what format it has",
                "add --format zip, jsonl, json (an array of objects) or csv",
            ) from None


_MEMBER: Final = re.compile(
    r"(?P<prefix>(?:.*/)?)(?P<table>[^/]+)/(?P<file>documents|generated_schema)\.jsonl"
)
_STORED_FILE: Final = re.compile(r"(?:.*/)?_storage/(?!documents\.jsonl$)[^/]+")
#: Rows that are searched for an id, in files that do not say which number their table has.
_LOOKED_AT: Final = 100
#: Of what is said about a table or all tables, which is held whole.
_DESCRIPTION_BYTES: Final = 256 * 1024 * 1024
_UNIFORM: Final = b'"uniform"'
#: What reading a damaged archive raises, there and then.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
_read = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class TableSource:
    """The rows of one table. `label` names them in messages; `number` is the table's number in ids, if known."""

    table: str
    label: str
    size: int
    dialect: Dialect
    number: int | None
    open: Callable[[TableSpec], Generator[Row]]
    #: What stands between the label and the number of a row.
    separator: str = ":"

    def place(self, line: int) -> str:
        """Where a row stands: `messages.jsonl:17`."""
        return f"{self.label}{self.separator}{line}"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A stored file: its bytes, and what is known of it (a line of `_storage/documents.jsonl`, or nothing)."""

    id: str
    known: dict[str, Json]
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class FilesSource:
    """All stored files. `size` is their bytes."""

    files: tuple[FileSource, ...]
    size: int
    number: int | None


@dataclass(slots=True)
class Contents:
    """All that a file has to import, and what it has besides."""

    path: Path
    tables: list[TableSource]
    #: By table, those without rows too.
    numbers: dict[str, int] = field(default_factory=dict[str, int])
    files: FilesSource | None = None
    #: What is in the file and is not imported, in words: "3 files of _storage".
    left_out: list[str] = field(default_factory=list[str])

    @property
    def size(self) -> int:
        """Bytes of all rows and stored files, unpacked."""
        return sum(table.size for table in self.tables) + (0 if self.files is None else self.files.size)


@contextmanager
def open_contents(path: Path, format: Format, table: str | None) -> Generator[Contents]:
    """What is in the file, until the block ends. Raises SetupError."""
    if format is Format.ZIP:
        if table is not None:
            raise SetupError("a ZIP names its tables itself", "leave --table out, or import one of its files")
        try:
            with zipfile.ZipFile(path) as archive:
                yield _Archive(path, archive).contents()
        except _DAMAGE as error:
            what = str(error) or "it ends too early"
            raise SetupError(f"{path} is no ZIP file, or is damaged: {what}", "download it again") from None
        except RuntimeError as error:
            if "password" not in str(error) and "encrypted" not in str(error):
                raise
            raise SetupError(f"{path} is encrypted", "unpack and pack it again without a password") from None
        except OSError as error:
            raise _unreadable(path, error) from None
        return
    if table is None:
        raise SetupError(
            f"a {format.value} file does not say which table it belongs to", "name it: --table messages"
        )
    try:
        with path.open("rb"):
            pass
        yield _single(path, format, table)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"{path} cannot be read: {error.strerror or error}",
        "check the name of the file, and that you may read it",
    )


def _single(path: Path, format: Format, table: str) -> Contents:
    def rows(spec: TableSpec) -> Generator[Row]:
        with path.open("rb") as file:
            match format:
                case Format.CSV:
                    yield from CsvReader(spec).rows(file)
                case Format.JSON:
                    yield from json_array(file)
                case _:
                    yield from json_lines(file)

    separator = ", item " if format is Format.JSON else ":"
    source = TableSource(table, path.name, path.stat().st_size, Dialect.PLAIN, None, rows, separator)
    return Contents(path, [source])


def number_of(source: TableSource, spec: TableSpec) -> int | None:
    """The table number in the first id of the file; None if the first rows have none."""
    if source.number is not None:
        return source.number
    with closing(source.open(spec)) as rows:
        for row in islice(rows, _LOOKED_AT):
            text = row.tree.get("_id") if row.tree is not None else None
            if not isinstance(text, str):
                continue
            try:
                return decode_id(text)[0]
            except ValueError:
                continue
    return None


class _Archive:
    """A ZIP in the layout of Convex."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self._stored: list[zipfile.ZipInfo] = []

    def contents(self) -> Contents:
        documents, schemas, left_out = self._members()
        contents = Contents(self._path, [], left_out=left_out)
        if (tables := documents.pop("_tables", None)) is not None:
            contents.numbers = self._numbers(tables)
        stored = documents.pop(FILES, None)
        contents.files = self._files(stored, contents.numbers.pop(FILES, None))
        if stored is not None and contents.files is None:
            left_out.append("_storage, whose files are not in it")
        for name in sorted(documents):
            if name.startswith("_"):
                left_out.append(f"the system table {name}")
                continue
            contents.tables.append(self._source(documents[name], name, schemas.get(name), contents.numbers))
        if not contents.tables and not contents.numbers and contents.files is None:
            raise SetupError(
                f"{self._path} holds no tables",
                "each table is a file <table>/documents.jsonl in the ZIP, as `npx convex export` and "
                "`syncline export` write it",
            )
        return contents

    def _members(self) -> tuple[dict[str, zipfile.ZipInfo], dict[str, zipfile.ZipInfo], list[str]]:
        """The rows and hints of each table, and what else there is."""
        found: dict[str, dict[str, zipfile.ZipInfo]] = {"documents": {}, "generated_schema": {}}
        components: set[str] = set()
        prefixes: set[str] = set()
        for info in self._archive.infolist():
            if "_components/" in info.filename:
                components.add(info.filename.partition("_components/")[2].partition("/")[0])
                continue
            if _STORED_FILE.fullmatch(info.filename) and not info.is_dir():
                self._stored.append(info)
            member = _MEMBER.fullmatch(info.filename)
            if member is None:
                continue
            prefixes.add(member["prefix"])
            if len(prefixes) > 1:
                raise SetupError(
                    f"{self._path} holds several exports: in {' and in '.join(map(quoted, sorted(prefixes)))}",
                    "pack one of them alone",
                )
            found[member["file"]][member["table"]] = info
        left_out = [f"the component {name}" for name in sorted(components - {""})]
        return found["documents"], found["generated_schema"], left_out

    def _described(self, info: zipfile.ZipInfo) -> IO[bytes]:
        """A member that is held whole. Raises SetupError for one that is no description, whatever else it is."""
        if info.file_size > _DESCRIPTION_BYTES:
            raise SetupError(
                f"{info.filename} in {self._path} is larger than {_DESCRIPTION_BYTES:,} bytes",
                "take the file from an export as it is",
            )
        return self._archive.open(info)

    def _numbers(self, info: zipfile.ZipInfo) -> dict[str, int]:
        numbers: dict[str, int] = {}
        with self._described(info) as file:
            for row in json_lines(file):
                name = row.tree.get("name") if row.tree else None
                number = row.tree.get("id") if row.tree else None
                if not isinstance(name, str) or not isinstance(number, int | float):
                    raise SetupError(
                        f'{info.filename}:{row.line} is not of the form {{"name": "messages", "id": 10001}}',
                        "take the file from an export as it is",
                    )
                if not name.startswith("_") or name == FILES:
                    numbers[name] = int(number)
        return numbers

    def _source(
        self, info: zipfile.ZipInfo, table: str, schema: zipfile.ZipInfo | None, numbers: Mapping[str, int]
    ) -> TableSource:
        dialect, hints = Dialect.PLAIN, dict[str, Json]()
        if schema is not None:
            dialect, hints = self._hints(schema)

        def rows(spec: TableSpec) -> Generator[Row]:
            with self._archive.open(info) as file:
                found = json_lines(file)
                yield from overridden(found, hints) if hints else found

        return TableSource(table, info.filename, info.file_size, dialect, numbers.get(table), rows)

    def _files(self, documents: zipfile.ZipInfo | None, number: int | None) -> FilesSource | None:
        """The stored files whose bytes are here."""
        if not self._stored:
            return None
        known: dict[str, dict[str, Json]] = {}
        ids = {_id_of(info) for info in self._stored}
        if documents is not None:
            with self._archive.open(documents) as file:
                for row in json_lines(file):
                    if row.tree is None:
                        raise SetupError(
                            f"{documents.filename}:{row.line}: {row.problem}",
                            "take the file from an export as it is",
                        )
                    if (id := str(row.tree.get("_id"))) in ids:
                        known[id] = row.tree
        files: list[FileSource] = []
        for info in sorted(self._stored, key=lambda info: info.filename):
            id = _id_of(info)
            files.append(FileSource(id, known.get(id, {}), partial(self._archive.open, info)))
        if number is None:
            with suppress(ValueError):
                number = decode_id(files[0].id)[0]
        return FilesSource(tuple(files), sum(info.file_size for info in self._stored), number)

    def _hints(self, info: zipfile.ZipInfo) -> tuple[Dialect, dict[str, Json]]:
        """How the rows of a table are written; of older exports also hints for single documents, by id."""
        hints: dict[str, Json] = {}
        with self._described(info) as file:
            first = file.readline().strip()
            if first == _UNIFORM:
                return Dialect.EXPORT, hints
            for number, line in enumerate(file, 2):
                try:
                    found = _read(line)
                except (msgspec.DecodeError, UnicodeError) as error:
                    raise SetupError(
                        f"{info.filename}:{number} is not JSON: {error}",
                        "take the file from an export as it is",
                    ) from None
                if isinstance(found, dict):
                    hints.update(cast("dict[str, Json]", found))
        return Dialect.LEGACY, hints


def _id_of(stored: zipfile.ZipInfo) -> str:
    # Convex writes <id>, or <id>.<extension>.
    return stored.filename.rpartition("/")[2].partition(".")[0]
