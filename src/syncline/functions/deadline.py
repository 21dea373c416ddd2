"""Time limits: a function that runs too long is interrupted by an exception, from a watchdog thread.

The rules that keep an interrupt from ever landing outside the call it is meant for:

* The watchdog first notes in `_fired` which call it is about to interrupt, then looks whether that call still runs,
  then sends. The runner first notes that the call has ended, then looks at `_fired`. Whatever the order in which
  the two threads proceed, one of them sees the other, without a lock on the way of ordinary calls.
* A runner that finds itself fired at cannot know whether an exception is still on its way. It sends itself one more
  (a thread has room for one only) and spins until that arrives; after it nothing can be pending. An exception is
  never taken back: CPython 3.11 keeps a thread's flag raised after that, and tracing then hangs.
* A thread that waits in C code is left alone until it uses the processor again.
* Framework code is not interrupted half-way where that can be avoided: while the innermost frame is ours, the
  watchdog waits for a moment in which it is not. The same goes for imports and destructors.

Interrupts are best effort. C code that keeps the interpreter lock stops the watchdog too; for that there is the
heartbeat and another process.
"""

from __future__ import annotations

import _weakrefset
import ctypes
import sys
import threading
import weakref
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from syncline.kernel.clock import SystemClock, cpu_clock_of_this_thread

if TYPE_CHECKING:
    from syncline.kernel.heartbeat import Heartbeat, HeartbeatSlot

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_OURS = str(Path(__file__).resolve().parent.parent) + "/"
#: Imports, and what the collector calls: an exception there is printed and forgotten.
_DELICATE = ("<frozen importlib", _weakrefset.__file__, weakref.__file__)
_monotonic = SystemClock().monotonic

_PATIENCE = 0.25  # seconds for which framework code, imports and destructors are spared
_REPEAT = 0.05  # seconds until an interrupt that was swallowed is sent again
_TICK = 0.05  # seconds between two looks while functions run
_SHORT_TICK = 0.002  # while an interrupt is due
_AWAKE = 1.0  # seconds without a call after which the watchdog sleeps
_BEAT = 0.25  # seconds between two beats while it sleeps


class DeadlineInterrupt(BaseException):
    """The time of the running function is up. No Exception, so that `except Exception` does not swallow it."""


def _send(ident: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(DeadlineInterrupt))


def _hush_lost_interrupts() -> None:
    """Say nothing of an interrupt that struck where exceptions are ignored (a destructor): it is sent again."""
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is not DeadlineInterrupt:
            before(unraisable)

    sys.unraisablehook = hook


class Deadline:
    """The time limit of whatever runs on one thread: the thread that makes it.

    The supervisor replaces the process when a `vital` thread cannot be interrupted.
    """

    __slots__ = (
        "_busy",
        "_call",
        "_calls",
        "_cpu_clock",
        "_expires",
        "_fired",
        "_heartbeat",
        "_next",
        "_used",
        "_wait",
        "_watchdog",
        "ident",
        "interrupts",
    )

    def __init__(self, *, vital: bool = True) -> None:
        self._watchdog = WATCHDOG
        self.ident = threading.get_ident()
        self._calls = 0
        self._call = 0  # 0 -> n -> 0: the number of the running call; run(), _drain()
        self._fired = 0  # the number of the last call that was interrupted: the watchdog
        self._busy = False  # whether an interrupt is being sent: the watchdog
        self._expires = 0.0
        self._next = 0.0
        self._wait = 0.0
        self._used = 0.0  # CPU seconds at the last look
        self._cpu_clock = cpu_clock_of_this_thread()
        self._heartbeat: HeartbeatSlot | None = self._watchdog.heartbeat_slot(vital)
        #: How many calls were interrupted on this thread.
        self.interrupts = 0
        self._watchdog.add(self)

    def close(self) -> None:
        """The thread runs nothing any more."""
        self._watchdog.remove(self)
        if self._heartbeat is not None:
            self._heartbeat.release()

    def run(self, seconds: float, label: bytes, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """`function(*args)`, interrupted after `seconds`.

        Raises DeadlineInterrupt if time ran out, also when the function returned all the same or raised something
        else; its traceback says where the function was, if that is known. When it returns or raises, no interrupt is on its way to this thread.
        """
        number = self._calls = self._calls + 1
        where: TracebackType | None = None
        heartbeat = self._heartbeat
        now = _monotonic()
        if heartbeat is not None:
            heartbeat.start(label, now, now + seconds)
        try:
            self._expires = now + seconds
            self._call = number
            if self._watchdog.asleep:
                self._watchdog.wake()
            try:
                result = function(*args)
            finally:
                self._call = 0
            if self._fired != number:
                return result
        except DeadlineInterrupt as struck:
            # It may have struck in the `finally` above, before its only line.
            self._call = 0
            if self._fired != number:
                raise  # Not ours: raised by hand.
            where = struck.__traceback__
        except BaseException as error:
            if self._fired != number:
                raise
            where = error.__traceback__
        finally:
            if heartbeat is not None:
                heartbeat.stop()
        self.interrupts += 1
        self._drain()
        raise DeadlineInterrupt().with_traceback(where)

    def _drain(self) -> None:
        """Make sure that no interrupt is on its way."""
        settled = False
        while True:
            try:
                # The watchdog sends nothing more once it has seen this; it may be about to send one right now.
                self._call = 0
                while self._busy:
                    pass
                settled = True
                _send(self.ident)
                for _ in repeat(None):
                    pass
            except DeadlineInterrupt:
                if settled:
                    return

    # On the watchdog's thread

    def watch(self, now: float) -> float:
        """Interrupt the running call if its time is up. How many seconds until the next look; 0 if nothing runs."""
        number = self._call
        if not number:
            return 0.0
        left = self._expires - now
        if left > 0:
            return min(max(left, _SHORT_TICK), _TICK)
        used = self._cpu_clock()
        if self._fired != number:
            self._fired = number
            self._next = now
            self._wait = _SHORT_TICK
        elif used == self._used:
            # It waits in C code. An interrupt could only be delivered when that returns, and one that is pending
            # slows all threads down (CPython 3.11 and 3.12) and stops tracing (3.11).
            self._wait = min(self._wait * 2, _TICK)
        else:
            self._wait = _SHORT_TICK
            if now >= self._next and (now >= self._expires + _PATIENCE or not self._is_delicate()):
                self._busy = True
                if self._call == number:
                    _send(self.ident)
                self._busy = False
                self._next = now + _REPEAT
        self._used = used
        return self._wait

    def _is_delicate(self) -> bool:
        """Whether the thread is in framework code, in an import, or where exceptions are ignored."""
        # The only way to see what another thread is doing.
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented, for uses like this
        frame = frames.get(self.ident)
        if frame is None or frame.f_code.co_filename.startswith(_OURS):
            return True
        while frame is not None:
            code = frame.f_code
            if code.co_name == "__del__" or code.co_filename.startswith(_DELICATE):
                return True
            frame = frame.f_back
        return False


class Watchdog:
    """The thread that looks at all deadlines of the process, and beats for the supervisor."""

    def __init__(self) -> None:
        self._deadlines: tuple[Deadline, ...] = ()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._never = threading.Event()
        self._thread: threading.Thread | None = None  # None -> running: the first add()
        self._heartbeat: Heartbeat | None = None  # None -> beating: attach()
        #: Whether a call must wake it.
        self.asleep = False

    def add(self, deadline: Deadline) -> None:
        with self._lock:
            self._deadlines = (*self._deadlines, deadline)
            if self._thread is None:
                _hush_lost_interrupts()
                self._thread = threading.Thread(target=self._watch, name="syncline-watchdog", daemon=True)
                self._thread.start()

    def remove(self, deadline: Deadline) -> None:
        with self._lock:
            self._deadlines = tuple(item for item in self._deadlines if item is not deadline)

    def attach(self, heartbeat: Heartbeat) -> None:
        """Beat for a supervisor. Deadlines made from now on also say there what they run."""
        self._heartbeat = heartbeat
        heartbeat.beat(_monotonic())
        self.wake()

    def heartbeat_slot(self, vital: bool) -> HeartbeatSlot | None:
        return self._heartbeat.slot(vital=vital) if self._heartbeat is not None else None

    @property
    def interrupts(self) -> int:
        """How many calls were interrupted on all threads. After many the process is better replaced: each may have
        left something half done in code that was not written for it."""
        return sum(deadline.interrupts for deadline in self._deadlines)

    def wake(self) -> None:
        self.asleep = False
        self._wake.set()

    def _watch(self) -> None:
        last_active = _monotonic()
        while True:
            now = _monotonic()
            heartbeat = self._heartbeat
            if heartbeat is not None:
                heartbeat.beat(now)
            wait = self._look(now)
            if wait:
                last_active = now
            elif now - last_active < _AWAKE:
                wait = _TICK
            else:
                self._wake.clear()
                self.asleep = True
                # A call that began just now has seen us awake: look once more.
                wait = self._look(_monotonic())
                if not wait:
                    self._wake.wait(_BEAT if heartbeat is not None else None)
                    self.asleep = False
                    last_active = _monotonic()
                    continue
                self.asleep = False
            self._never.wait(wait)

    def _look(self, now: float) -> float:
        wait = 0.0
        for deadline in self._deadlines:
            next_look = deadline.watch(now)
            if next_look and (not wait or next_look < wait):
                wait = next_look
        return wait


#: The one watchdog of the process.
WATCHDOG = Watchdog()
