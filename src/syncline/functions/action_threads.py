"""The threads of `def` actions. Not a library's pool: one that is stuck must not keep the process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from .deadline import Deadline

Work = Callable[[Deadline], None]


class ActionThreads:
    """Threads that are made when all others are busy, and wait for more work when they are done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Work | None]] = []
        self._closed = False

    def start(self, work: Work) -> None:
        """Run `work` in a thread; it gets the thread's deadline."""
        with self._lock:
            queue = self._idle.pop() if self._idle else None
        if queue is None:
            queue = SimpleQueue[Work | None]()
            threading.Thread(target=self._main, args=(queue,), name="syncline-action", daemon=True).start()
        queue.put(work)

    def close(self) -> None:
        """Let idle threads end now, and busy ones when they are done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for queue in idle:
            queue.put(None)

    def _main(self, queue: SimpleQueue[Work | None]) -> None:
        deadline = Deadline(vital=False)
        try:
            while (work := queue.get()) is not None:
                work(deadline)
                with self._lock:
                    if self._closed:
                        return
                    self._idle.append(queue)
        finally:
            deadline.close()
