"""A disk whose power fails: an SQLite file system that knows which sectors were never flushed.

Writes go through to real files, so that a store works as usual. Beside them the disk remembers, per file, the
content as of the last fsync and the writes since. A power cut leaves the flushed content with any subset of the
later 512-byte sectors. Faults can be injected at the n-th operation: the end of power, EIO, or ENOSPC.

Not modelled: directory entries that were not flushed, and memory-mapped writes (only the `-shm` file has those;
SQLite rebuilds it).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from pathlib import Path
from types import TracebackType

import apsw

SECTOR = 512
_names = count()


class Fault(Enum):
    POWER = apsw.SQLITE_IOERR
    EIO = apsw.SQLITE_IOERR_WRITE
    ENOSPC = apsw.SQLITE_FULL


class Loss(Enum):
    """Which of the sectors that were not flushed the disk still wrote."""

    ALL = "all"
    NONE = "none"
    SOME = "some"
    LAST = "last"  # all but the newest write


@dataclass(frozen=True, slots=True)
class Write:
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncation:
    size: int


@dataclass
class FileState:
    flushed: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncation] = field(default_factory=list["Write | Truncation"])

    def flush(self) -> None:
        for operation in self.pending:
            _apply(self.flushed, operation)
        self.pending.clear()

    def after_cut(self, loss: Loss, chance: random.Random) -> bytes:
        """The file as the disk holds it when power comes back."""
        content = bytearray(self.flushed)
        survivors = self.pending[:-1] if loss is Loss.LAST else self.pending
        for operation in survivors:
            for part in _sectors(operation):
                if loss is not Loss.NONE and (loss is not Loss.SOME or chance.random() < 0.5):
                    _apply(content, part)
        return bytes(content)


class Disk:
    """A file system for SQLite. `fail(fault, n)` makes the n-th write, truncation or flush from now fail."""

    def __init__(self) -> None:
        self.name = f"powercut{next(_names)}"
        self.files: dict[str, FileState] = {}
        self.operations = 0
        self.lying = False  # flushes are reported but not done
        self._fault: Fault | None = None
        self._left = 0
        self._lasting = False
        self._on = ""
        self._vfs = _Vfs(self)

    def fail(self, fault: Fault, after: int, *, lasting: bool = False, on: str = "") -> None:
        """Fail the `after`-th operation from now on files whose names end in `on`.

        `lasting`: and all that follow, until `repair`.
        """
        self._fault, self._left, self._on = fault, after, on
        self._lasting = lasting or fault is Fault.POWER

    def repair(self) -> None:
        self._fault = None

    def cut(self, folder: Path, loss: Loss, chance: random.Random) -> None:
        """Write what a power cut leaves of every file into `folder`."""
        for name, state in self.files.items():
            (folder / Path(name).name).write_bytes(state.after_cut(loss, chance))

    def step(self, path: str) -> None:
        """Count an operation; raises if it is to fail."""
        self.operations += 1
        if self._fault is None or not path.endswith(self._on):
            return
        self._left -= 1
        if self._left > 0:
            return
        error = apsw.exception_for(self._fault.value)
        if not self._lasting:
            self._fault = None
        raise error

    def close(self) -> None:
        self._vfs.unregister()


@contextmanager
def disk() -> Generator[Disk]:
    made = Disk()
    try:
        yield made
    finally:
        made.close()


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or name is None:
            return super().xOpen(name, flags)
        state = self._disk.files.setdefault(path, FileState())
        if not state.flushed and not state.pending and Path(path).exists():
            state.flushed[:] = Path(path).read_bytes()
        return _File(path, name, flags, self._disk, state)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self._disk.files.pop(filename, None)


class _File(apsw.VFSFile):
    def __init__(
        self, path: str, name: str | apsw.URIFilename, flags: list[int], disk: Disk, state: FileState
    ) -> None:
        self._path = path
        self._disk = disk
        self._state = state
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # pyright: ignore  # apsw's stub has no type for data
        self._disk.step(self._path)
        self._state.pending.append(Write(offset, bytes(data)))
        super().xWrite(data, offset)  # pyright: ignore[reportUnknownMemberType]  # as above

    def xTruncate(self, newsize: int) -> None:
        self._disk.step(self._path)
        self._state.pending.append(Truncation(newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.step(self._path)
        if not self._disk.lying:
            self._state.flush()

    def excepthook(
        self,
        etype: type[BaseException] | None,
        evalue: BaseException | None,
        etraceback: TracebackType | None,
    ) -> bool:
        """SQLite asks nobody about errors of its own clean-up, for example when it closes a file."""
        return True


def _apply(content: bytearray, operation: Write | Truncation) -> None:
    if isinstance(operation, Truncation):
        del content[operation.size :]
        return
    end = operation.offset + len(operation.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[operation.offset : end] = operation.data


def _sectors(operation: Write | Truncation) -> Iterator[Write | Truncation]:
    if isinstance(operation, Truncation):
        yield operation
        return
    start = operation.offset
    stop = start + len(operation.data)
    while start < stop:
        end = min(stop, (start // SECTOR + 1) * SECTOR)
        yield Write(start, operation.data[start - operation.offset : end - operation.offset])
        start = end


def until_it_fails(action: Callable[[], object], *errors: type[BaseException]) -> BaseException | None:
    """Run `action`; the error it raised, or None."""
    try:
        action()
    except errors as error:
        return error
    return None
