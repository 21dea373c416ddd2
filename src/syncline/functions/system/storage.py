"""Records of stored files: what endpoints, actions and the sweeper ask for."""

from __future__ import annotations

from syncline.files.vault import KEPT_SECONDS
from syncline.functions.contexts import MutationCtx, QueryCtx
from syncline.functions.decorators import mutation, query
from syncline.functions.storage import (
    Located,
    StorageReader,
    StorageWriter,
    located_by_key,
    owner_of,
)
from syncline.functions.system_db import run_of, system_writer
from syncline.kernel.errors import ArgumentError
from syncline.schema import Id, lt
from syncline.system import DeletedBlob, StoredBlob, StoredFile, UsedUpload

_SWEPT = 1000


@mutation(internal=True)
def create(
    ctx: MutationCtx,
    blob: str,
    key: str,
    sha256: str,
    size: int,
    content_type: str | None = None,
    private: bool = False,
    nonce: str | None = None,
    expires: int = 0,
    temporary: bool = False,
    owner: str | None = None,
) -> Id[StoredFile]:
    """Record a file whose bytes are in storage, for the caller. With `nonce` the upload address of that name takes no
    other file, and it is the `owner`'s who was given the address."""
    db = system_writer(ctx)
    if nonce is None:
        owner = owner_of(run_of(ctx))
    if nonce is not None:
        if db.query(UsedUpload).where(nonce=nonce).exists():
            raise ArgumentError("this upload address has taken a file already: ask for a new one")
        db.insert(UsedUpload(nonce=nonce, expires=expires))
    file = db.insert(StoredFile(sha256=sha256, size=size, content_type=content_type, private=private))
    until = int(ctx.now.timestamp() + KEPT_SECONDS) if temporary else None
    db.insert(StoredBlob(file=file, key=key, blob=blob, owner=owner, temporary_until=until))
    return file


@query(internal=True)
def is_used(ctx: QueryCtx, nonce: str) -> bool:
    """Whether an upload address has taken its file."""
    return ctx.db.query(UsedUpload).where(nonce=nonce).exists()


@query(internal=True)
def by_key(ctx: QueryCtx, key: str) -> Located | None:
    """The file with this key in its address."""
    return located_by_key(run_of(ctx), key)


@query(internal=True)
def by_id(ctx: QueryCtx, id: str, unrestricted: bool = False) -> Located | None:
    """The file with this id, if the caller may read it."""
    return _reader(ctx, unrestricted).find(id)


@query(internal=True)
def url(ctx: QueryCtx, id: str, expires_in: float | None = None, unrestricted: bool = False) -> str | None:
    """For actions: see `ctx.storage.url`."""
    return _reader(ctx, unrestricted).url(id, expires_in=expires_in)


@query(internal=True)
def metadata(ctx: QueryCtx, id: str, unrestricted: bool = False) -> StoredFile | None:
    """For actions: see `ctx.storage.metadata`."""
    return _reader(ctx, unrestricted).metadata(id)


@mutation(internal=True)
def upload_url(
    ctx: MutationCtx,
    private: bool = False,
    temporary: bool = False,
    most_bytes: int | None = None,
    content_types: list[str] = [],  # noqa: B006 - each call gets a list of its own
    expires_in: float = 3600.0,
) -> str:
    """For actions: see `ctx.storage.upload_url`."""
    return ctx.storage.upload_url(
        private=private,
        temporary=temporary,
        most_bytes=most_bytes,
        content_types=content_types,
        expires_in=expires_in,
    )


@mutation(internal=True)
def keep(ctx: MutationCtx, id: str, unrestricted: bool = False) -> None:
    """For actions: see `ctx.storage.keep`."""
    _writer(ctx, unrestricted).keep(id)


@mutation(internal=True)
def delete_temporary(ctx: MutationCtx) -> None:
    """Delete temporary files that nobody kept."""
    now = int(ctx.now.timestamp())
    ended = ctx.db.query(StoredBlob).index(StoredBlob.by_end, temporary_until=lt(now))
    for blob in ended.take(_SWEPT):
        ctx.storage.delete(blob.file)


@mutation(internal=True)
def delete(ctx: MutationCtx, id: str, unrestricted: bool = False) -> None:
    """For actions: see `ctx.storage.delete`."""
    _writer(ctx, unrestricted).delete(id)


@query(internal=True)
def deleted(ctx: QueryCtx) -> list[DeletedBlob]:
    """Bytes that are to be removed."""
    return ctx.db.query(DeletedBlob).take(_SWEPT)


@mutation(internal=True)
def forget_deleted(ctx: MutationCtx, ids: list[Id[DeletedBlob]]) -> None:
    """They are removed."""
    db = system_writer(ctx)
    for id in ids:
        if db.get(id) is not None:
            db.delete(id)


@mutation(internal=True)
def forget_expired(ctx: MutationCtx) -> None:
    """Forget upload addresses that have expired by themselves."""
    db = system_writer(ctx)
    now = int(ctx.now.timestamp())
    for used in db.query(UsedUpload).index(UsedUpload.by_expiry).take(_SWEPT):
        if used.expires >= now:
            break
        db.delete(used)


@query(internal=True)
def unknown(ctx: QueryCtx, blobs: list[str]) -> list[str]:
    """Those of `blobs` that belong to no file."""
    return [blob for blob in blobs if not ctx.db.query(StoredBlob).where(blob=blob).exists()]


def _reader(ctx: QueryCtx, unrestricted: bool) -> StorageReader:
    """The files that the caller of an action may read; the rules that bind him there are known by the caller alone."""
    run = run_of(ctx)
    return StorageReader(run, run.caller.restricted and not unrestricted)


def _writer(ctx: MutationCtx, unrestricted: bool) -> StorageWriter:
    """The same, to change them."""
    run = run_of(ctx)
    return StorageWriter(run, run.caller.restricted and not unrestricted)


FUNCTIONS = (
    create,
    is_used,
    by_key,
    by_id,
    url,
    metadata,
    upload_url,
    keep,
    delete_temporary,
    delete,
    deleted,
    forget_deleted,
    forget_expired,
    unknown,
)
