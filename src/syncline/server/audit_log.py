"""The record of what administrators did: `audit.log` in the data folder, JSON lines, appended to and never changed.

What people did with their accounts is recorded by the built-in sign-in, in its own file. Arguments are not recorded:
they may be secrets. Written by a thread of its own; when the disk is slower than what happens, events are counted
instead, and the count is written.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from syncline.functions import ActionCall, MutationCall
from syncline.kernel.clock import Clock
from syncline.kernel.identity import Caller
from syncline.sync import CallEngine

log = logging.getLogger("syncline.server")

FILE: Final = "audit.log"
#: A file of this size becomes `audit.log.1`; the one before it is forgotten.
_BYTES: Final = 16 * 1024 * 1024
_WAITING: Final = 10_000
_REFUSED_PER_MINUTE: Final = 60

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AuditLog:
    """`record` from any thread; it never waits for the disk."""

    def __init__(self, data: Path, clock: Clock) -> None:
        self._place = data / FILE
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._refused = 0
        self._minute = clock.monotonic()
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="syncline-audit", daemon=True)
        self._thread.start()

    def refused(self, address: str | None) -> None:
        """Somebody tried an admin key that is none. So many are recorded in a minute; more would bury the rest."""
        now = self._clock.monotonic()
        if now - self._minute >= 60.0:
            self._minute, self._refused = now, 0
        self._refused += 1
        if self._refused <= _REFUSED_PER_MINUTE:
            self.record("key refused", {"address": address})

    def administered(self, event: str, caller: Caller, facts: Mapping[str, object]) -> None:
        """An admin did something: by which key, from where, and as whom."""
        acting_as = None if caller.identity is None else caller.identity.token_identifier
        who = {"key": caller.admin_key or "first", "address": caller.admin_address, "acting_as": acting_as}
        self.record(event, {**facts, **who})

    def record(self, event: str, facts: Mapping[str, object]) -> None:
        """Note that something happened. Facts that are None are left out."""
        at = (_EPOCH + timedelta(microseconds=self._clock.wall_ns() // 1000)).isoformat()
        known = {name: value for name, value in facts.items() if value is not None}
        line = msgspec.json.encode({"at": at, "event": event, **known}) + b"\n"
        with self._changed:
            if len(self._waiting) >= _WAITING:
                self._lost += 1
                return
            self._waiting.append(line)
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, and end the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                lines, self._waiting = list(self._waiting), deque()
                lost, self._lost = self._lost, 0
            if not lines:
                return
            if lost:
                lines.append(msgspec.json.encode({"event": "lost", "count": lost}) + b"\n")
            try:
                self._write(b"".join(lines))
            except OSError as error:
                log.error(
                    "%d events could not be recorded in %s: %s", len(lines), self._place, error.strerror
                )

    def _write(self, lines: bytes) -> None:
        file = os.open(self._place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, lines)
            full = os.fstat(file).st_size > _BYTES
        finally:
            os.close(file)
        if full:
            self._place.replace(self._place.with_name(f"{FILE}.1"))


def read_audit(data: Path, limit: int) -> list[dict[str, object]]:
    """The newest events of the deployment with this data folder, the oldest of them first."""
    lines: list[bytes] = []
    for name in (f"{FILE}.1", FILE):
        place = data / name
        if place.exists():
            lines += place.read_bytes().splitlines()[-limit:]
    return [msgspec.json.decode(line, type=dict[str, object]) for line in lines[-limit:]] if limit else []


class AuditedEngine:
    """The engine as sessions and endpoints call it: what administrators change is recorded."""

    def __init__(self, engine: CallEngine, audit: AuditLog) -> None:
        self._engine = engine
        self._audit = audit

    def mutate(self, call: MutationCall) -> None:
        if call.caller.admin:
            self._audit.administered("mutation", call.caller, _facts(call))
        self._engine.mutate(call)

    def act(self, call: ActionCall) -> None:
        if call.caller.admin:
            self._audit.administered("action", call.caller, _facts(call))
        self._engine.act(call)

    def cancel(self, handle: object, *, client_left: bool = False) -> None:
        self._engine.cancel(handle, client_left=client_left)


def _facts(call: MutationCall | ActionCall) -> dict[str, object]:
    return {"function": call.path, "request": call.request_id}
