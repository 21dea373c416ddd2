"""`ctx.storage` of queries and mutations: addresses and records of files. Their bytes are the business of actions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from syncline.database import DatabaseReader, SystemWriter
from syncline.files import FileService, UploadClaims
from syncline.kernel.errors import ArgumentError, ForbiddenError, NotFoundError
from syncline.schema import Id
from syncline.system import DeletedBlob, StoredBlob, StoredFile

from .run import RunSettings, TransactionRun

Seconds = float | timedelta
_HOUR: Final = 3600.0
_MOST_SECONDS: Final = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Located:
    """A file, and where its bytes are."""

    id: Id[StoredFile]
    key: str
    blob: str
    sha256: str
    size: int
    content_type: str | None
    private: bool
    owner: str | None  # as `StoredBlob.owner` has it
    created: float  # seconds since the epoch


class StorageReader:
    """Addresses and records of files, as of the snapshot."""

    __slots__ = ("_restricted", "_run")

    def __init__(self, run: TransactionRun, restricted: bool) -> None:
        """`restricted`: whether it is used for a caller who may read private files of his own only."""
        self._run = run
        self._restricted = restricted

    @property
    def unrestricted(self) -> Self:
        """The same without asking whose files are: for those that the caller may have by what the function knows."""
        return type(self)(self._run, False)

    def find(self, id: Id[StoredFile] | str) -> Located | None:
        """The file with this id, if there is one that the caller may read."""
        found = located(self._run, id)
        if found is None or not (self._restricted and found.private) or self._owns(found):
            return found
        return None

    def owns(self, id: Id[StoredFile] | str) -> bool:
        """Whether the caller has stored this file."""
        found = located(self._run, id)
        return found is not None and self._owns(found)

    def _owns(self, found: Located) -> bool:
        return found.owner is not None and found.owner == owner_of(self._run)

    def url(self, id: Id[StoredFile] | str, *, expires_in: Seconds | None = None) -> str | None:
        """The address of a file; None for one that is not there, and for a private one of somebody else.

        A public file has one address for as long as it exists. With `expires_in` (seconds or a timedelta), and for a
        private file always (an hour unless said), it is a signed one that works for at least so long; a live query
        that gives it out runs again before it ends.
        """
        found = self.find(id)
        if found is None:
            return None
        files = files_of(self._run.settings)
        if expires_in is None and not found.private:
            return files.url(found.key)
        seconds = _seconds(_HOUR if expires_in is None else expires_in, "expires_in")
        # Addresses change twice in that time, so that results can be cached and browsers keep what they have.
        tick = timedelta(seconds=max(1, math.ceil(seconds / 2)))
        expires = self._run.clock(tick) + tick + timedelta(seconds=seconds)
        return files.signed_url(found.key, math.ceil(expires.timestamp()))

    def metadata(self, id: Id[StoredFile] | str) -> StoredFile | None:
        """What is known of a file; None for one that is not there, and for a private one of somebody else."""
        found = self.find(id)
        return None if found is None else _reader(self._run).get(found.id)


class StorageWriter(StorageReader):
    """The same in a mutation, which may also let clients upload, and delete."""

    __slots__ = ()

    def upload_url(
        self,
        *,
        private: bool = False,
        temporary: bool = False,
        most_bytes: int | None = None,
        content_types: Sequence[str] = (),
        expires_in: Seconds = _HOUR,
    ) -> str:
        """An address to which a client may POST one file; the answer is `{"storageId": "..."}`.

        `private` files are served by signed addresses only. `temporary` ones are deleted a day after they came,
        unless a mutation calls `keep` for them: so uploads that nobody uses do not stay. `most_bytes` and
        `content_types` (`image/png`, `image/*`) limit what is taken; the upload must begin within `expires_in`.
        """
        run = self._run
        files = files_of(run.settings)
        seconds = _seconds(expires_in, "expires_in")
        claims = UploadClaims(
            nonce=f"{run.random.getrandbits(128):032x}",
            expires=math.ceil(run.now.timestamp() + seconds),
            most_bytes=most_bytes,
            private=private,
            owner=owner_of(run),
            temporary=temporary,
            types=tuple(content_types),
        )
        return files.upload_url(files.signer.token(claims))

    def keep(self, id: Id[StoredFile] | str) -> None:
        """Let a temporary file stay. NotFoundError if it is not there (any more)."""
        run = self._run
        found = self._changeable(id)
        db = SystemWriter(run.transaction, run.catalog)
        blob = db.query(StoredBlob).where(file=found.id).unique()
        if blob is not None and blob.temporary_until is not None:
            db.patch(blob, temporary_until=None)

    def delete(self, id: Id[StoredFile] | str) -> None:
        """Delete a file; its bytes go once this transaction is committed. NotFoundError if it is not there, or is a
        private one of somebody else; ForbiddenError for what somebody else has uploaded."""
        run = self._run
        found = self._changeable(id)
        db = SystemWriter(run.transaction, run.catalog)
        blob = db.query(StoredBlob).where(file=found.id).unique()
        db.delete(found.id)
        if blob is not None:
            db.delete(blob)
        db.insert(DeletedBlob(blob=found.blob))

    def _changeable(self, id: Id[StoredFile] | str) -> Located:
        found = self.find(id)
        if found is None:
            raise NotFoundError(f"there is no stored file {str(id)[:60]!r}")
        if self._restricted and found.owner and not self._owns(found):
            raise ForbiddenError(
                f"the file {found.id} was uploaded by somebody else. A function that has made sure that its caller may "
                "change it says ctx.storage.unrestricted"
            )
        return found


def owner_of(run: TransactionRun) -> str | None:
    """Whose the files are that a run stores, as `StoredBlob.owner` has it."""
    name = run.catalog.name_of(run.identity)
    if name is not None:
        return name
    return "" if run.caller.restricted else None


def located(run: TransactionRun, id: Id[StoredFile] | str) -> Located | None:
    """The file with this id. Any text may be asked for."""
    reader = _reader(run)
    known = reader.normalize_id(StoredFile, id)
    blob = None if known is None else reader.query(StoredBlob).where(file=known).unique()
    return None if blob is None else _located(reader, blob)


def located_by_key(run: TransactionRun, key: str) -> Located | None:
    """The file with this key in its address."""
    reader = _reader(run)
    blob = reader.query(StoredBlob).where(key=key).unique()
    return None if blob is None else _located(reader, blob)


def files_of(settings: RunSettings) -> FileService:
    """The files of this process. Raises ArgumentError if it has none."""
    if settings.files is None:
        raise ArgumentError("this process was started without a place for files")
    return settings.files


def _located(reader: DatabaseReader, blob: StoredBlob) -> Located | None:
    file = reader.get(blob.file)
    if file is None:
        return None
    return Located(
        file.id,
        blob.key,
        blob.blob,
        file.sha256,
        file.size,
        file.content_type,
        file.private,
        blob.owner,
        file.created_at.timestamp(),
    )


def _reader(run: TransactionRun) -> DatabaseReader:
    """Reads without the rules of tables: whoever has the id of a file was given it."""
    return DatabaseReader(run.transaction, run.catalog)


def _seconds(value: Seconds, name: str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not 1 <= seconds <= _MOST_SECONDS:
        raise ArgumentError(f"{name} must be between one second and 30 days, got {value!r}")
    return seconds
