"""Imports and exports of stores in memory."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from syncline import Document
from syncline.database import Catalog, activate
from syncline.kernel.clock import FakeClock, SeededEntropy
from syncline.kernel.limits import Limits
from syncline.schema import table_of
from syncline.store import Store
from syncline.transfer import Format, Import, Mode, export_zip, open_contents, open_snapshot
from syncline.values import encode_id


def bind(store: Store, *classes: type[Document]) -> Catalog:
    """The classes as tables of the store."""
    return activate(store, [table_of(cls) for cls in classes])


def import_file(
    store: Store,
    catalog: Catalog,
    path: Path,
    table: str | None = None,
    mode: Mode = Mode.REQUIRE_EMPTY,
    skip: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> tuple[int, list[str]]:
    """Import a file; returns how many documents were added, and what the user is told besides."""
    with open_contents(path, Format.of(path, None), table) as contents:
        job = Import(
            store,
            catalog,
            contents,
            mode,
            clock=FakeClock(),
            entropy=SeededEntropy(1),
            limits=limits or Limits(),
            skip=skip,
        )
        try:
            job.stage()
            added = job.load()
        except BaseException:
            job.close(forget=True)
            raise
        return added, [*job.notes, *job.left_out]


def export_file(store: Store, path: Path) -> bytes:
    """Everything in the store as a ZIP; returns its bytes."""
    with open_snapshot(store) as snapshot:
        export_zip(snapshot, path, lambda progress: None)
    return path.read_bytes()


def write_zip(path: Path, members: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def lines(rows: Iterable[object]) -> str:
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def document_id(table: int, number: int) -> str:
    """An id with a recognisable internal part."""
    return encode_id(table, number.to_bytes(16, "big"))


def documents(store: Store, table: str) -> list[dict[str, object]]:
    """The documents of a table in the order of their creation, as JSON."""
    with open_snapshot(store) as snapshot:
        return [json.loads(body) for body in snapshot.bodies(snapshot.table(table))]


def keys_of_index(store: Store, table: str, index: str) -> list[bytes]:
    """The keys of an index."""
    number = next(info.number for info in store.tables() if info.name == table)
    [found] = [info for info in store.indexes() if info.table == number and info.name == index]
    reader = store.reader()
    try:
        reader.begin()
        return list(reader.scan_keys(found.number, b"", None))
    finally:
        reader.close()
