"""`ctx.storage` of actions: everything, and the bytes of files."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from syncline.files import FileService, Upload
from syncline.files.vault import Stored
from syncline.kernel.errors import NotFoundError
from syncline.schema import Id
from syncline.system import StoredFile

from .storage import Located, Seconds, files_of

if TYPE_CHECKING:
    from .action_run import ActionRun

T = TypeVar("T")
_HOUR: Final = 3600.0
#: Written to disk at once.
_BLOCK: Final = 1024 * 1024


class StoredStream:
    """The bytes of a file, in pieces: `async for piece in stream`, or `await stream.read()` for all that is left."""

    def __init__(self, file: Located, pieces: Iterator[bytes], files: FileService) -> None:
        self.content_type = file.content_type
        self.size = file.size
        self.sha256 = file.sha256
        self._pieces = pieces
        self._files = files

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._iterate()

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self._iterate()])

    async def _iterate(self) -> AsyncIterator[bytes]:
        while True:
            piece = await _in_thread(self._files, _next, self._pieces)
            if piece is None:
                return
            yield piece


class ActionStorage:
    """Files, in an `async def` action. Each call is a transaction of its own."""

    __slots__ = ("_more", "_run")

    def __init__(self, run: ActionRun, more: Mapping[str, object] | None = None) -> None:
        """`more` goes with each question about a file."""
        self._run = run
        self._more = more or {}

    @property
    def unrestricted(self) -> Self:
        """The same without asking whose files are: for those that the caller may have by what the function knows."""
        return type(self)(self._run, {"unrestricted": True})

    async def url(self, id: Id[StoredFile] | str, *, expires_in: Seconds | None = None) -> str | None:
        """The address of a file: see the `url` of queries."""
        return cast("str | None", await self._call("url", **self._more, id=id, expires_in=_float(expires_in)))

    async def metadata(self, id: Id[StoredFile] | str) -> StoredFile | None:
        """What is known of a file; None for one that is not there."""
        return cast("StoredFile | None", await self._call("metadata", **self._more, id=id))

    async def upload_url(
        self,
        *,
        private: bool = False,
        temporary: bool = False,
        most_bytes: int | None = None,
        content_types: Sequence[str] = (),
        expires_in: Seconds = _HOUR,
    ) -> str:
        """An address to which a client may POST one file: see the `upload_url` of mutations."""
        values = _upload(private, temporary, most_bytes, content_types, expires_in)
        return cast("str", await self._call("upload_url", **values))

    async def keep(self, id: Id[StoredFile] | str) -> None:
        """Let a temporary file stay. NotFoundError if it is not there (any more)."""
        await self._call("keep", **self._more, id=id)

    async def delete(self, id: Id[StoredFile] | str) -> None:
        """Delete a file. NotFoundError if it is not there."""
        await self._call("delete", **self._more, id=id)

    async def store(
        self,
        content: bytes | AsyncIterable[bytes],
        *,
        content_type: str | None = None,
        private: bool = False,
    ) -> Id[StoredFile]:
        """Store bytes, or a stream of them, as a new file. Nothing is kept if the stream fails."""
        files = files_of(self._run.settings)
        upload = await _in_thread(files, files.vault.begin, _name(self._run))
        try:
            if isinstance(content, bytes | bytearray | memoryview):
                await _in_thread(files, upload.write, bytes(content))
            else:
                async for block in _blocks(content):
                    await _in_thread(files, upload.write, block)
            stored = await _in_thread(files, upload.finish)
        except BaseException:
            files.threads.submit(upload.abort)
            raise
        values = _record(self._run, stored, content_type, private)
        return cast("Id[StoredFile]", await self._call("create", **values))

    async def get(self, id: Id[StoredFile] | str) -> bytes | None:
        """All bytes of a file; None for one that is not there. For large ones see `open`."""
        found = cast("Located | None", await self._call("by_id", **self._more, id=id))
        if found is None:
            return None
        files = files_of(self._run.settings)
        return await _in_thread(files, lambda: b"".join(files.vault.read(found.blob, found.size)))

    @asynccontextmanager
    async def open(self, id: Id[StoredFile] | str) -> AsyncGenerator[StoredStream]:
        """The bytes of a file as a stream. NotFoundError if it is not there."""
        found = cast("Located | None", await self._call("by_id", **self._more, id=id))
        if found is None:
            raise NotFoundError(f"there is no stored file {str(id)[:60]!r}")
        files = files_of(self._run.settings)
        pieces = files.vault.read(found.blob, found.size)
        try:
            yield StoredStream(found, pieces, files)
        finally:
            _close(pieces)

    async def _call(self, name: str, **values: object) -> object:
        return await self._run.system(f"_system/storage:{name}", values)


class SyncActionStorage:
    """Files, in a `def` action: the same, without awaiting."""

    __slots__ = ("_more", "_run")

    def __init__(self, run: ActionRun, more: Mapping[str, object] | None = None) -> None:
        """`more` goes with each question about a file."""
        self._run = run
        self._more = more or {}

    @property
    def unrestricted(self) -> Self:
        """The same without asking whose files are: for those that the caller may have by what the function knows."""
        return type(self)(self._run, {"unrestricted": True})

    def url(self, id: Id[StoredFile] | str, *, expires_in: Seconds | None = None) -> str | None:
        """The address of a file: see the `url` of queries."""
        return cast("str | None", self._call("url", **self._more, id=id, expires_in=_float(expires_in)))

    def metadata(self, id: Id[StoredFile] | str) -> StoredFile | None:
        """What is known of a file; None for one that is not there."""
        return cast("StoredFile | None", self._call("metadata", **self._more, id=id))

    def upload_url(
        self,
        *,
        private: bool = False,
        temporary: bool = False,
        most_bytes: int | None = None,
        content_types: Sequence[str] = (),
        expires_in: Seconds = _HOUR,
    ) -> str:
        """An address to which a client may POST one file: see the `upload_url` of mutations."""
        values = _upload(private, temporary, most_bytes, content_types, expires_in)
        return cast("str", self._call("upload_url", **values))

    def keep(self, id: Id[StoredFile] | str) -> None:
        """Let a temporary file stay. NotFoundError if it is not there (any more)."""
        self._call("keep", **self._more, id=id)

    def delete(self, id: Id[StoredFile] | str) -> None:
        """Delete a file. NotFoundError if it is not there."""
        self._call("delete", **self._more, id=id)

    def store(
        self, content: bytes | Iterable[bytes], *, content_type: str | None = None, private: bool = False
    ) -> Id[StoredFile]:
        """Store bytes, or a stream of them, as a new file. Nothing is kept if the stream fails."""
        files = files_of(self._run.settings)
        upload = files.vault.begin(_name(self._run))
        try:
            for block in [content] if isinstance(content, bytes | bytearray | memoryview) else content:
                upload.write(bytes(cast("bytes", block)))
            stored = upload.finish()
        except BaseException:
            upload.abort()
            raise
        values = _record(self._run, stored, content_type, private)
        return cast("Id[StoredFile]", self._call("create", **values))

    def get(self, id: Id[StoredFile] | str) -> bytes | None:
        """All bytes of a file; None for one that is not there. For large ones see `open`."""
        found = cast("Located | None", self._call("by_id", **self._more, id=id))
        if found is None:
            return None
        return b"".join(files_of(self._run.settings).vault.read(found.blob, found.size))

    @contextmanager
    def open(self, id: Id[StoredFile] | str) -> Generator[Iterator[bytes]]:
        """The bytes of a file in pieces. NotFoundError if it is not there."""
        found = cast("Located | None", self._call("by_id", **self._more, id=id))
        if found is None:
            raise NotFoundError(f"there is no stored file {str(id)[:60]!r}")
        pieces = files_of(self._run.settings).vault.read(found.blob, found.size)
        try:
            yield pieces
        finally:
            _close(pieces)

    def _call(self, name: str, **values: object) -> object:
        return self._run.system_and_wait(f"_system/storage:{name}", values)


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


async def _in_thread(files: FileService, function: Callable[..., T], *args: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(files.threads, partial(function, *args))


async def _blocks(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The stream in larger pieces: each costs a change of threads."""
    held = bytearray()
    async for piece in content:
        held += piece
        if len(held) >= _BLOCK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _name(run: ActionRun) -> str:
    return f"{run.random.getrandbits(128):032x}"


def _record(run: ActionRun, stored: Stored, content_type: str | None, private: bool) -> dict[str, object]:
    return {
        "blob": stored.blob,
        "key": new_key(run.random.getrandbits(128)),
        "sha256": stored.sha256,
        "size": stored.size,
        "content_type": content_type,
        "private": private,
    }


def new_key(bits: int) -> str:
    """128 random bits as a UUID, which addresses of files hold."""
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _upload(
    private: bool,
    temporary: bool,
    most_bytes: int | None,
    content_types: Sequence[str],
    expires_in: Seconds,
) -> dict[str, object]:
    return {
        "private": private,
        "temporary": temporary,
        "most_bytes": most_bytes,
        "content_types": list(content_types),
        "expires_in": _float(expires_in),
    }


def _float(value: Seconds | None) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _close(pieces: Iterator[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if callable(close):
        close()


__all__ = ["ActionStorage", "StoredStream", "SyncActionStorage", "Upload", "new_key"]
