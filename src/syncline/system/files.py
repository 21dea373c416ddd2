"""Files that were stored: what is known of each, and where its bytes are."""

from __future__ import annotations

from typing import Any

from syncline.schema import Document, Id, Index, Rules, private


# The context of a predicate is of a layer above this one; see syncline.schema.access.
def _is_shown(ctx: Any, file: StoredFile) -> bool:
    owns: bool = not file.private or ctx.storage.owns(file.id)
    return owns


class StoredFile(Document, table="_storage"):
    """A stored file. `sha256` is hexadecimal; a `private` one is served by signed addresses only.

    Public functions see private files of the caller's own only.
    """

    sha256: str
    size: int
    content_type: str | None = None
    private: bool = False

    access = Rules(read=_is_shown)


class StoredBlob(Document, table="_storage_blobs"):
    """Where a file's bytes are. Not a part of the file's document: who knows `key` can read a public file."""

    file: Id[StoredFile]
    #: In addresses; random.
    key: str
    #: In storage.
    blob: str
    #: Whoever uploaded it, as rules name owners; "" for a caller who was not signed in, None for the backend by itself.
    owner: str | None = None

    #: When (seconds since the epoch) it is deleted unless somebody keeps it.
    temporary_until: int | None = None

    access = private
    by_file = Index("file", unique=True)
    by_key = Index("key", unique=True)
    by_blob = Index("blob")
    by_end = Index("temporary_until")
    by_owner = Index("owner")


class DeletedBlob(Document, table="_storage_deleted"):
    """Bytes that no file has any more: to be removed after the commit that deleted it."""

    blob: str

    access = private


class UsedUpload(Document, table="_storage_uploads"):
    """An upload address that has taken its file, until it expires by itself (seconds since the epoch)."""

    nonce: str
    expires: int

    access = private
    by_nonce = Index("nonce", unique=True)
    by_expiry = Index("expires")
