"""The admin keys of a running server: looked at every second, and their ends told to those who use them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from syncline.identity import Revocations
from syncline.kernel.clock import Clock
from syncline.kernel.errors import SetupError
from syncline.sync import AdminGrant

from .admin_keys import FILE, ISSUER, AdminKeys, StoredKey, read_keys, read_uses, write_uses

log = logging.getLogger("syncline.server")

#: How long uses of keys wait for being written down, at most.
_SECONDS: Final = 60.0


class KeyRing:
    """On the event loop's thread, but for the initialiser, which raises SetupError for a file that cannot be read."""

    def __init__(self, data: Path, clock: Clock, revocations: Revocations) -> None:
        self._data = data
        self._clock = clock
        self._revocations = revocations
        self._seen = _state(data)
        self._keys = AdminKeys(read_keys(data))
        self._looking: asyncio.Future[None] | None = None
        #: When each key was last used, in seconds since the epoch, and what of that is written down.
        self._uses = self._written = read_uses(data)
        self._writing_at = 0.0

    def find(self, credential: str) -> AdminGrant | None:
        """What the holder of a key may do; None if it is none of these."""
        now_ns = self._clock.wall_ns()
        grant = self._keys.find(credential, now_ns)
        if grant is not None:
            id, now = grant.caller.admin_key or "", now_ns // 10**9
            if self._uses.get(id) != now:
                self._uses = {**self._uses, id: now}
        return grant

    def look(self) -> None:
        """Find out, in another thread, whether the keys have changed; write down now and then which are used."""
        if self._looking is None or self._looking.done():
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(None, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._write_uses()
        state = _state(self._data)
        if state == self._seen:
            return
        try:
            keys = read_keys(self._data)
        except SetupError as error:
            # Half of a file means that somebody edits it. Nobody gains or loses by that.
            log.warning("%s", error)
            return
        self._seen = state
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._take, keys)

    def _write_uses(self) -> None:
        uses, now = self._uses, self._clock.monotonic()
        if uses == self._written or now < self._writing_at:
            return
        known = self._keys.keys
        try:
            write_uses(self._data, {id: used for id, used in uses.items() if id in known})
        except OSError as error:
            log.warning("when admin keys were used cannot be written down: %s", error)
        self._written, self._writing_at = uses, now + _SECONDS

    def _take(self, keys: Mapping[str, StoredKey]) -> None:
        before, self._keys = self._keys, AdminKeys(keys)
        for id in before.keys.keys() - keys.keys():
            self._revocations.revoke_session(ISSUER, id)


def _state(data: Path) -> tuple[int, int, int] | None:
    try:
        found = (data / FILE).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
