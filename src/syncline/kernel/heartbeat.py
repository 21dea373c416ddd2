"""The heartbeat: what a process shows its supervisor in shared memory, even while Python code cannot run.

One small file, mapped by both. The process beats several times a second and notes what each of its threads runs
and until when; the supervisor finds there whether the process is stuck, and in which function.

Layout, little endian: magic (8 bytes), pid (u64), beat (f64), then slots of 256 bytes: started (f64), deadline (f64,
0 when idle), length of the label (u64), whether the thread is vital (u64), label. Times are seconds of the machine's monotonic clock, which all
processes share.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"SYNCBEAT"
_HEADER = 64
_SLOT = 256
_WORDS = struct.Struct("<ddQQ")
_LABEL = _SLOT - _WORDS.size
_SLOTS = 64
_SIZE = _HEADER + _SLOTS * _SLOT


@dataclass(frozen=True, slots=True)
class Running:
    """A function that a thread of the process is running.

    The process cannot do without a `vital` thread: the commit lane, a reader. Threads of actions are not.
    """

    path: str
    started: float
    deadline: float
    vital: bool = True


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the supervisor saw. `beat` is when the process last had a turn."""

    pid: int
    beat: float
    running: tuple[Running, ...]

    def stuck(self, now: float, *, silence: float) -> Running | None:
        """The function that keeps the process from going on, or None.

        That is one on a vital thread that runs on after twice its time, or, when the process has not beaten for `silence` seconds, the
        one that was started last: it holds the interpreter.
        """
        overdue = [
            item
            for item in self.running
            if item.vital and now > item.deadline + (item.deadline - item.started)
        ]
        if overdue:
            return min(overdue, key=lambda item: item.deadline)
        if self.running and self.silent(now, silence):
            return max(self.running, key=lambda item: item.started)
        return None

    def silent(self, now: float, silence: float) -> bool:
        """Whether the process has not had a turn for `silence` seconds."""
        return self.beat > 0 and now - self.beat > silence


class Heartbeat:
    """One side of the shared memory. The supervisor creates the file, the process attaches to it."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._bytes = memoryview(memory)
        self._doubles = self._bytes.cast("d")
        self._longs = self._bytes.cast("Q")
        self._lock = threading.Lock()
        self._free = list(range(_SLOTS - 1, -1, -1))

    @classmethod
    def create(cls, path: Path) -> Heartbeat:
        """A new, empty heartbeat in a file at `path`."""
        path.write_bytes(_MAGIC + bytes(_SIZE - len(_MAGIC)))
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Heartbeat:
        """The heartbeat in the file at `path`. ValueError if it is something else."""
        with path.open("r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        if len(memory) != _SIZE or memory[: len(_MAGIC)] != _MAGIC:
            memory.close()
            raise ValueError(f"{path} is not a heartbeat file")
        return cls(memory)

    @classmethod
    def attach(cls, path: Path) -> Heartbeat:
        """Open it as the process that is watched."""
        heartbeat = cls.open(path)
        heartbeat.reset()
        heartbeat._longs[1] = os.getpid()
        return heartbeat

    def close(self) -> None:
        for view in (self._longs, self._doubles, self._bytes):
            view.release()
        self._memory.close()

    def reset(self) -> None:
        """Forget what an earlier process left."""
        self._bytes[len(_MAGIC) :] = bytes(_SIZE - len(_MAGIC))

    def beat(self, now: float) -> None:
        """The process is alive at `now`."""
        self._doubles[2] = now

    def slot(self, *, vital: bool = True) -> HeartbeatSlot | None:
        """A place for one thread, or None if all are taken: such threads are not watched one by one."""
        with self._lock:
            return HeartbeatSlot(self, self._memory, self._free.pop(), vital) if self._free else None

    def read(self) -> Pulse:
        """What the process shows now."""
        running: list[Running] = []
        for slot in range(_SLOTS):
            base = _HEADER + slot * _SLOT
            # The writer does not wait for us: read again until nothing changed under our eyes.
            before = bytes(self._bytes[base : base + _SLOT])
            while (now := bytes(self._bytes[base : base + _SLOT])) != before:
                before = now
            started, deadline, length, vital = _WORDS.unpack_from(before)
            if deadline:
                label = before[_WORDS.size : _WORDS.size + min(length, _LABEL)].decode(errors="replace")
                running.append(Running(label, started, deadline, bool(vital)))
        return Pulse(self._longs[1], self._doubles[2], tuple(running))

    def release(self, number: int) -> None:
        with self._lock:
            self._free.append(number)


class HeartbeatSlot:
    """What one thread shows."""

    __slots__ = ("_bytes", "_doubles", "_heartbeat", "_label", "_longs", "_number")

    def __init__(self, heartbeat: Heartbeat, memory: mmap.mmap, number: int, vital: bool) -> None:
        self._heartbeat = heartbeat
        self._number = number
        base = _HEADER + number * _SLOT
        self._bytes = memoryview(memory)[base : base + _SLOT]
        self._doubles = self._bytes.cast("d")
        self._longs = self._bytes.cast("Q")
        self._longs[3] = vital
        self._label = b""

    def start(self, label: bytes, now: float, deadline: float) -> None:
        """The thread runs the function `label` until `deadline`."""
        if label is not self._label:  # Mostly the same functions run again and again.
            self._label = label
            cut = label[:_LABEL]
            self._bytes[_WORDS.size : _WORDS.size + len(cut)] = cut
            self._longs[2] = len(cut)
        self._doubles[0] = now
        self._doubles[1] = deadline

    def stop(self) -> None:
        """The thread is idle."""
        self._doubles[1] = 0.0

    def release(self) -> None:
        """The thread has ended."""
        self.stop()
        for view in (self._longs, self._doubles, self._bytes):
            view.release()
        self._heartbeat.release(self._number)
