"""Exports of everything, in the layout that Convex's tools write and read.

README.md
_tables/documents.jsonl         {"name": "messages", "id": 10001} for each table
<table>/generated_schema.jsonl  "uniform": the documents of this table are in the form `export_json`
<table>/documents.jsonl         one document per line
_storage/documents.jsonl        what is known of each stored file, and
_storage/<id>                   its bytes: if they are asked for
"""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import IO

import msgspec

from syncline.files import Vault

from .exported_files import export_files
from .files import new_file, write_lines
from .snapshot import FILES, Report, StoredSnapshot

_README = b"""# Export of a Syncline database

All documents as of one moment.

- `_tables/documents.jsonl`: the tables and their numbers, which are part of the documents' ids.
- `<table>/documents.jsonl`: one document per line, with `_id` and `_creationTime`. Numbers are written with a
  point or an exponent, 64-bit integers without; bytes are `{"$bytes": "<base64>"}`.
"""

# Without it, Convex reads every number as a float.
_UNIFORM = b'"uniform"\n'


def export_zip(
    snapshot: StoredSnapshot, path: Path, report: Report, vault: Vault | None = None
) -> dict[str, int]:
    """Write all tables of the application into a ZIP file; returns the numbers of documents by table. Raises SetupError.

    Memory does not grow with the data. The file appears when it is whole.
    """
    counts: dict[str, int] = {}
    tables = snapshot.tables.values()
    files = snapshot.files if vault is not None else None
    with new_file(path) as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        with _member(archive, "README.md") as file:
            file.write(_README)
        with _member(archive, "_tables/documents.jsonl") as file:
            for table in (*tables, *([files.table] if files is not None else [])):
                file.write(msgspec.json.encode({"name": table.name, "id": table.number}) + b"\n")
        for table in tables:
            with _member(archive, f"{table.name}/generated_schema.jsonl") as file:
                file.write(_UNIFORM)
            with _member(archive, f"{table.name}/documents.jsonl") as file:
                counts[table.name] = write_lines(file, snapshot.bodies(table, report))
        if files is not None and vault is not None:
            counts[FILES] = export_files(snapshot, files, vault, partial(_member, archive), report)
    return counts


def _member(archive: zipfile.ZipFile, name: str, compression: int = zipfile.ZIP_DEFLATED) -> IO[bytes]:
    # A fixed date: equal data give equal files.
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = compression
    info.external_attr = 0o600 << 16
    return archive.open(info, "w", force_zip64=True)
