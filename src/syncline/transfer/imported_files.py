"""Stored files of an import: their bytes put where files are kept, their records staged."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

import msgspec

from syncline.database import TableBinding
from syncline.files import Vault
from syncline.functions.storage_actions import new_key
from syncline.kernel.clock import Clock, Entropy
from syncline.kernel.errors import SynclineError
from syncline.schema import MISSING
from syncline.schema.scalars import microseconds
from syncline.store import StagedDocument, Staging
from syncline.values import Json, Value, decode_id, encode_id

from .documents import BadRow, staged
from .plans import FilesPlan
from .snapshot import FILES
from .sources import FileSource

_PIECE: Final = 256 * 1024
_KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII).fullmatch
_read_body = msgspec.json.Decoder(dict[str, object]).decode


def file_place(line: int) -> str:
    """Where a stored file stands, for messages."""
    return f"{FILES}, file {line}"


class FileStorer:
    """Puts files away. Their bytes are nobody's until the import is loaded; `forget_files` removes them."""

    def __init__(self, plan: FilesPlan, vault: Vault, clock: Clock, entropy: Entropy) -> None:
        self._plan = plan
        self._vault = vault
        self._entropy = entropy
        self._now_us = clock.wall_ns() // 1000

    def store(self, line: int, file: FileSource) -> tuple[list[StagedDocument], int]:
        """The records of a file whose bytes are stored by now, and its size. Raises BadRow."""
        internal = self._internal_id(line, file.id)
        blob, size, sha256 = self._keep(line, file)
        known = file.known
        created = _created(known.get("_creationTime"), self._now_us)
        content_type, key = known.get("contentType"), str(known.get("internalId"))
        if not _KEY(key):
            key = new_key(int.from_bytes(self._entropy.bytes(16), "big"))
        fields: dict[str, Value] = {
            "sha256": sha256,
            "size": float(size),
            "content_type": content_type if isinstance(content_type, str) else None,
            "private": known.get("private") is True,
        }
        id = encode_id(self._plan.files.number, internal)
        owner = known.get("owner")
        place: dict[str, Value] = {
            "file": id,
            "key": key,
            "blob": blob,
            "owner": owner if isinstance(owner, str) else None,
        }
        record = (created // 1000).to_bytes(6, "big") + self._entropy.bytes(10)
        return [
            _document(self._plan.files, line, internal, created, fields),
            _document(self._plan.blobs, line, record, created, place),
        ], size

    def _internal_id(self, line: int, text: str) -> bytes:
        try:
            number, internal = decode_id(text)
        except ValueError as error:
            raise BadRow(line, f"its name is no id: {error}") from None
        if number not in (self._plan.file_number, self._plan.files.number):
            raise BadRow(line, f'"{text}" is the id of a document of another table')
        return internal

    def _keep(self, line: int, file: FileSource) -> tuple[str, int, str]:
        """Copy the bytes. Raises BadRow if they are not what is known of them."""
        upload = self._vault.begin(self._entropy.bytes(16).hex())
        try:
            with file.open() as source:
                while piece := source.read(_PIECE):
                    upload.write(piece)
        except BaseException:
            upload.abort()
            raise
        stored = upload.finish()
        expected, size = _sha256(file.known.get("sha256")), file.known.get("size")
        wrong = isinstance(size, int | float) and size != stored.size
        if wrong or (expected is not None and expected != stored.sha256):
            self._vault.delete(stored.blob)
            raise BadRow(
                line, f"{file.id} is not the file that {FILES}/documents.jsonl describes: it is damaged"
            )
        return stored.blob, stored.size, stored.sha256


def forget_files(staging: Staging, plan: FilesPlan, vault: Vault) -> None:
    """Remove the bytes of files that were staged and are not imported."""
    for table, _id, _shape, body in staging.documents():
        if table == plan.blobs.number:
            try:
                vault.delete(str(_read_body(body)["blob"]))
            except SynclineError:
                return  # What belongs to no file is removed after a day anyway.


def _document(
    table: TableBinding, line: int, internal: bytes, created: int, fields: dict[str, Value]
) -> StagedDocument:
    defaults = {field.name: field.default for field in table.spec.fields if field.default is not MISSING}
    fields = {**defaults, **fields}
    body = table.codec.encode_body(fields, encode_id(table.number, internal), created)
    return staged(table, table.number, line, internal, created, fields, body)


def _created(value: Json, now_us: int) -> int:
    try:
        created = microseconds(value) if isinstance(value, float) else now_us
    except (OverflowError, ValueError):
        return now_us
    return created if 0 <= created <= now_us else now_us


def _sha256(value: Json) -> str | None:
    """A digest as hexadecimal; Convex writes it in base64, and long ago in hexadecimal."""
    if not isinstance(value, str):
        return None
    if len(value) == 64:
        return value.lower()
    try:
        return b64decode(value, validate=True).hex()
    except (Base64Error, ValueError):
        return None
