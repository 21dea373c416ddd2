"""Imports into a running server: staged beside its work, loaded between two of its batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Final, Protocol, cast

from syncline.database import END, Catalog
from syncline.files import Vault
from syncline.functions.engine import Ready
from syncline.functions.node import ActiveRelease
from syncline.kernel.clock import Clock, Entropy
from syncline.kernel.errors import SynclineError
from syncline.kernel.limits import Limits
from syncline.store import LoadRefusedError, Store
from syncline.system import ExportJob, ImportJob

from .background import Mutator, RecordError, Records, Stopped, Worker
from .importing import Import, TableSummary
from .plans import Mode
from .sources import Format, open_contents
from .uploads import Uploads

_TELL_SECONDS: Final = 0.5
_STATES_BEFORE_END: Final = ["uploaded", "waiting_for_confirmation", "in_progress"]

#: Gets what a call gave, or why it failed; on the worker's thread.
Answer = Callable[[object | SynclineError], None]


class LoadingEngine(Mutator, Protocol):
    """The part of the engine that imports need."""

    @property
    def release(self) -> ActiveRelease: ...
    def load(self, load: Callable[[Ready], None], done: Callable[[BaseException | None], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is to be imported."""

    format: Format
    table: str | None
    mode: Mode
    skip: tuple[str, ...] = ()


class _Held:
    """An import whose file is here. `job` is staged against `catalog`."""

    def __init__(self, id: str, token: str, path: Path, request: ImportRequest) -> None:
        self.id = id
        self.token = token
        self.path = path
        self.request = request
        self.open = ExitStack()
        self.job: Import | None = None
        self.catalog: Catalog | None = None


class LiveImports:
    """One import at a time. Methods return at once and answer on the worker's thread."""

    def __init__(
        self,
        engine: LoadingEngine,
        store: Store,
        folder: Path,
        clock: Clock,
        entropy: Entropy,
        limits: Limits,
        vault: Vault | None = None,
    ) -> None:
        self._vault = vault
        self._engine = engine
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._limits = limits
        self._records = Records(engine)
        self._worker = Worker("import")
        self._uploads = Uploads(folder, limits.import_bytes)
        self._held: _Held | None = None
        #: Held while the lane reads what is staged.
        self._loading = Lock()
        self._told = 0.0

    def start(self) -> None:
        """Fail what an earlier process left behind. On the event loop's thread."""
        self._worker.submit(self._uploads.clear)
        self._worker.submit(self._fail_interrupted)

    def stop(self) -> None:
        """What is not loaded by now is not imported."""
        self._worker.stop()
        with self._loading:
            self._drop()

    def start_upload(self, answer: Answer) -> None:
        """Gives the upload's token."""

        def start() -> str:
            token = self._entropy.bytes(16).hex()
            self._uploads.start(token)
            return token

        self._do(start, answer)

    def add_part(self, token: str, number: int, content: bytes, answer: Answer) -> None:
        """Gives the part's token."""

        def add() -> str:
            part = f"{number}-{hashlib.sha256(content).hexdigest()[:16]}"
            self._uploads.add(token, part, content)
            return part

        self._do(add, answer)

    def finish_upload(self, token: str, parts: Sequence[str], request: ImportRequest, answer: Answer) -> None:
        """Gives the import's id; it is checked and staged from then on."""

        def finish() -> str:
            if self._held is not None:
                self._fail(self._held, "another import was begun")
            # The name is what messages about rows begin with.
            name = f"{request.table or 'upload'}.{request.format.value}"
            path = self._uploads.finish(token, list(parts), name)
            args: dict[str, object] = {
                "file_format": request.format.value, "mode": request.mode.value, "table": request.table,
            }  # fmt: skip
            id = str(self._records.call(self._worker, "begin_import", args))
            held = self._held = _Held(id, token, path, request)
            self._worker.submit(lambda: self._stage(held))
            return id

        self._do(finish, answer)

    def confirm(self, id: str, answer: Answer) -> None:
        """Load what is staged. Gives None."""

        def confirm() -> None:
            held = self._of(id)
            if not self._change(held, "in_progress", ["waiting_for_confirmation"], progress="Importing"):
                raise LoadRefusedError("this import does not wait to be confirmed")
            self._worker.submit(lambda: self._load(held))

        self._do(confirm, answer)

    def cancel(self, id: str, answer: Answer) -> None:
        """Gives None."""
        self._do(lambda: self._fail(self._of(id), "the import was cancelled"), answer)

    # On the worker's thread

    def _fail_interrupted(self) -> None:
        by_name = self._engine.release.catalog.by_name
        reader = self._store.reader()
        try:
            reader.begin()
            for table in (by_name[ImportJob.__definition__.table], by_name[ExportJob.__definition__.table]):
                for _key, _ts, shape, body in reader.scan(table.by_creation, b"", END):
                    job = cast("ImportJob | ExportJob", table.load(shape, body))
                    if job.state not in ("completed", "failed"):
                        self._records.call(self._worker, "interrupted", {})
                        return
        finally:
            reader.close()

    def _do(self, work: Callable[[], object], answer: Answer) -> None:
        def run() -> None:
            try:
                result: object | SynclineError = work()
            except SynclineError as error:
                result = error
            except OSError as error:
                result = RecordError(f"the upload cannot be kept: {error.strerror or error}")
            answer(result)

        self._worker.submit(run)

    def _of(self, id: str) -> _Held:
        if self._held is None or self._held.id != id:
            raise LoadRefusedError("there is no such import, or it has ended")
        return self._held

    def _stage(self, held: _Held) -> None:
        if self._held is not held:
            return
        try:
            job, summaries = self._staged(held)
        except Stopped:
            raise
        except SynclineError as error:
            self._fail(held, str(error))
            return
        except Exception:
            self._fail(held, "the server failed at reading the file; its log says more")
            raise
        self._change(
            held,
            "waiting_for_confirmation",
            ["uploaded"],
            summary=summary_text(summaries, job.notes, job.left_out),
            deletes=any(item.deleted for item in summaries),
        )

    def _staged(self, held: _Held) -> tuple[Import, list[TableSummary]]:
        """The file checked and staged against the schema in force."""
        held.open.close()
        request = held.request
        contents = held.open.enter_context(open_contents(held.path, request.format, request.table))
        held.catalog = self._engine.release.catalog
        held.job = Import(
            self._store,
            held.catalog,
            contents,
            request.mode,
            clock=self._clock,
            entropy=self._entropy,
            limits=self._limits,
            skip=request.skip,
            vault=self._vault,
            # A file that was uploaded is staged once; what an earlier process staged is of another id.
            identity=held.id,
            report=lambda what, done, total: self._tell(held, what, done, total),
        )
        held.open.callback(held.job.close, forget=True)
        return held.job, held.job.stage()

    def _load(self, held: _Held) -> None:
        try:
            added = self._loaded(held)
        except Stopped:
            raise
        except SynclineError as error:
            self._fail(held, str(error))
            return
        except Exception:
            self._fail(held, "the server failed at writing; its log says more. Nothing was imported")
            raise
        self._change(held, "completed", _STATES_BEFORE_END, added=added)
        self._drop()

    def _loaded(self, held: _Held) -> int:
        """Load, after staging anew if the schema has changed since."""
        while True:
            job, catalog = held.job, held.catalog
            if job is None or catalog is None or self._engine.release.catalog is not catalog:
                self._staged(held)
                continue
            try:
                return self._load_once(job, catalog)
            except _SchemaChanged:
                continue

    def _load_once(self, job: Import, catalog: Catalog) -> int:
        added: list[int] = []

        def load(ready: Ready) -> None:
            with self._loading:
                self._worker.check()
                if self._engine.release.catalog is not catalog:
                    raise _SchemaChanged
                added.append(job.load(ready))

        ends: SimpleQueue[BaseException | None] = SimpleQueue()
        self._engine.load(load, ends.put)
        error: BaseException | None = self._worker.wait_for(ends)
        if error is not None:
            raise error
        return added[0]

    def _tell(self, held: _Held, what: str, done: int, total: int) -> None:
        """Record how far it is, now and then. Not from the lane's thread, on which mutations wait for it."""
        if what == "writing":
            return
        self._worker.check()
        now = self._clock.monotonic()
        if now - self._told < _TELL_SECONDS:
            return
        self._told = now
        share = f"{what}, {done / total:.0%}" if total else what
        self._change(held, "uploaded", ["uploaded"], progress=share)

    def _change(self, held: _Held, state: str, expected: list[str], **values: object) -> bool:
        args: dict[str, object] = {"id": held.id, "state": state, "expected": expected, **values}
        return self._records.call(self._worker, "change_import", args) is True

    def _fail(self, held: _Held, error: str) -> None:
        self._drop()
        self._change(held, "failed", _STATES_BEFORE_END, error=error)

    def _drop(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.open.close()
            self._uploads.forget(held.token)


class _SchemaChanged(Exception):
    """New code came into force while an import waited."""


def summary_text(summaries: Sequence[TableSummary], notes: Sequence[str], left_out: Sequence[str]) -> str:
    """What an import will do, for people to confirm."""
    width = max([len("table"), *(len(item.name) for item in summaries)])
    lines = ["Import change summary:", f"{'table':<{width}}  {'add':>12}  {'delete':>12}  {'keep':>12}"]
    lines += [
        f"{item.name:<{width}}  {item.added:>12,}  {item.deleted:>12,}  {item.kept:>12,}"
        for item in summaries
    ]
    lines += [f"note: {note}" for note in notes]
    if left_out:
        lines.append(f"left out: {', '.join(left_out)}")
    return "\n".join(lines)
