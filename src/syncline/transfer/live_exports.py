"""Exports of a running server: written to files that are fetched afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from syncline.database import Progress
from syncline.files import Vault
from syncline.functions import Outcome
from syncline.kernel.clock import Clock
from syncline.kernel.errors import SynclineError
from syncline.store import Store
from syncline.values import Int64, encode_value

from .background import Mutator, RecordError, Records, Stopped, Worker, value_of
from .snapshot import open_snapshot
from .zips import export_zip

_FILES_KEPT: Final = 2


class LiveExports:
    """One export at a time."""

    def __init__(
        self, engine: Mutator, store: Store, folder: Path, clock: Clock, vault: Vault | None = None
    ) -> None:
        self._vault = vault
        self._store = store
        self._folder = folder
        self._clock = clock
        self._records = Records(engine)
        self._worker = Worker("export")
        self._reading = Worker("files")

    def stop(self) -> None:
        self._worker.stop()
        self._reading.stop()

    def request(self, include_storage: bool, answer: Callable[[bool | SynclineError], None]) -> None:
        """Begin an export; gives False while another one is not done. Answers on the event loop's thread."""

        def begun(outcome: Outcome) -> None:
            try:
                id = value_of(outcome)
            except RecordError as error:
                answer(error)
                return
            if isinstance(id, str):
                self._worker.submit(lambda: self._export(id, include_storage))
            answer(id is not None)

        self._records.send("begin_export", {"include_storage": include_storage}, begun)

    def path(self, ts: int) -> Path:
        """Where the export as of the commit `ts` is, if there is one."""
        return self._folder / f"snapshot_{ts}.zip"

    def read(self, work: Callable[[], None]) -> None:
        """Do something with a file, off the event loop."""
        self._reading.submit(work)

    # On the worker's thread

    def _export(self, id: str, include_storage: bool) -> None:
        self._change(id, "in_progress", 0)
        try:
            ts = self._write(self._vault if include_storage else None)
        except Stopped:
            raise
        except (SynclineError, OSError) as error:
            self._change(id, "failed", 0, str(error))
            return
        except Exception:
            self._change(id, "failed", 0, "the server failed; its log says more")
            raise
        self._change(id, "completed", ts)

    def _write(self, vault: Vault | None) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted(self._folder.glob("snapshot_*.zip"), key=lambda path: path.stat().st_mtime)
        for old in found[: -_FILES_KEPT + 1]:
            old.unlink(missing_ok=True)
        with open_snapshot(self._store) as snapshot:
            path = self.path(snapshot.ts)
            with suppress(FileNotFoundError):
                path.unlink()
            export_zip(snapshot, path, self._check, vault)
            return snapshot.ts

    def _check(self, _: Progress) -> None:
        self._worker.check()

    def _change(self, id: str, state: str, ts: int, error: str = "") -> None:
        args: dict[str, object] = {"id": id, "state": state, "error": error}
        if ts:
            args |= {
                "start_ts": encode_value(Int64(ts)),
                "complete_ts": encode_value(Int64(self._clock.wall_ns())),
            }
        self._records.call(self._worker, "change_export", args)
