"""Removes bytes that nobody needs any more: of deleted files, of broken uploads, and what a crash left behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from itertools import islice
from typing import Final, cast

from syncline.files.vault import KEPT_SECONDS
from syncline.http import FileRecords
from syncline.system import DeletedBlob

logger = logging.getLogger("syncline.files")

_EVERY_SECONDS: Final = 15.0
#: Looking for what is left over reads the whole folder.
_LEFT_OVER_EVERY: Final = 240
_AT_ONCE: Final = 500


class FileKeeper:
    """Works on the server's event loop; what blocks is done in the threads of files."""

    def __init__(self, records: FileRecords) -> None:
        self._records = records
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the event loop's thread. It ends with the loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="syncline-file-keeper")

    async def _run(self) -> None:
        turn = 0
        while True:
            try:
                await self.remove_deleted()
                if turn % _LEFT_OVER_EVERY == 0:
                    await self.remove_left_over()
            except asyncio.CancelledError:
                raise
            except Exception:
                # A full disk or a bucket out of reach: the next turn tries again.
                logger.exception("files that are not needed any more could not be removed")
            turn += 1
            await asyncio.sleep(_EVERY_SECONDS)

    async def remove_deleted(self) -> int:
        """Remove the bytes of files whose deletion is committed. Returns how many."""
        removed = 0
        while deleted := cast("list[DeletedBlob]", await self._records.ask("deleted")):
            for item in deleted:
                await self._records.in_thread(partial(self._records.files.vault.delete, item.blob))
            await self._records.tell("forget_deleted", ids=[item.id for item in deleted])
            removed += len(deleted)
        return removed

    async def remove_left_over(self) -> int:
        """Remove uploads that nobody goes on with, and whole files of which no record is. Returns how many."""
        vault = self._records.files.vault
        before = self._records.services.clock.wall_ns() / 1e9 - KEPT_SECONDS
        removed = await self._records.in_thread(partial(vault.forget_older, before))
        await self._records.tell("forget_expired")
        await self._records.tell("delete_temporary")
        names = vault.names()
        while batch := await self._records.in_thread(lambda: list(islice(names, _AT_ONCE))):
            # Younger ones may be just about to be recorded.
            old = [name for name, stored in batch if stored < before]
            for name in cast("list[str]", await self._records.ask("unknown", blobs=old)) if old else []:
                with contextlib.suppress(OSError):
                    await self._records.in_thread(partial(vault.delete, name))
                removed += 1
        return removed
