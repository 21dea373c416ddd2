"""Stored files in an export: what is known of each, then their bytes."""

from __future__ import annotations

import zipfile
from base64 import b64encode
from collections.abc import Callable
from typing import IO, cast

import msgspec

from syncline.database import Progress
from syncline.files import Vault
from syncline.values import Json, parse_json

from .snapshot import FILES, FileTables, Report, StoredSnapshot

_write = msgspec.json.Encoder(order="sorted").encode

#: Opens a member of the archive for writing.
Member = Callable[[str, int], IO[bytes]]


def export_files(
    snapshot: StoredSnapshot, files: FileTables, vault: Vault, member: Member, report: Report
) -> int:
    """Write all files; returns how many. Raises the errors of `syncline.files`."""
    with member(f"{FILES}/documents.jsonl", zipfile.ZIP_DEFLATED) as target:
        for body in snapshot.bodies(files.table):
            target.write(_write(_described(snapshot, _tree(body))) + b"\n")
    total = snapshot.count(files.table)
    done = 0
    for body in snapshot.bodies(files.table):
        tree = _tree(body)
        blob = snapshot.blob_of(str(tree["_id"]))
        if blob is None:
            continue
        size = int(cast("float", tree["size"]))
        # Most files are compressed already.
        with member(f"{FILES}/{tree['_id']}", zipfile.ZIP_STORED) as target:
            for piece in vault.read(str(blob["blob"]), size):
                target.write(piece)
        done += 1
        report(Progress("exporting files", done, total))
    return done


def _described(snapshot: StoredSnapshot, tree: dict[str, Json]) -> dict[str, Json]:
    """A line of `_storage/documents.jsonl` as Convex writes it."""
    blob = snapshot.blob_of(str(tree["_id"]))
    line: dict[str, Json] = {
        "_id": tree["_id"],
        "_creationTime": tree["_creationTime"],
        "contentType": tree.get("content_type"),
        "sha256": b64encode(bytes.fromhex(str(tree["sha256"]))).decode(),
        "size": int(cast("float", tree["size"])),
    }
    if blob is not None:
        line["internalId"] = blob["key"]
        if blob.get("owner") is not None:
            line["owner"] = blob["owner"]
    if tree.get("private"):
        line["private"] = True
    return line


def _tree(body: bytes) -> dict[str, Json]:
    return cast("dict[str, Json]", parse_json(body))
