"""The threads that bring full-text and vector indexes up to date, behind the commits."""

from __future__ import annotations

import logging
import threading

from syncline.store import Store, TextIndexes, VectorIndexes

logger = logging.getLogger("syncline.search")

_IDLE_SECONDS = 1.0
_RETRY_SECONDS = 5.0


class IndexWorkers:
    """Work on the indexes of one store from `start` to `stop`. Nothing starts where there can be none."""

    def __init__(self, store: Store) -> None:
        kinds = (("search", store.text), ("vectors", store.vectors))
        self._workers = [_Worker(name, indexes) for name, indexes in kinds if indexes is not None]

    def start(self) -> None:
        for worker in self._workers:
            worker.thread.start()

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()


class _Worker:
    def __init__(self, name: str, indexes: TextIndexes | VectorIndexes) -> None:
        self._indexes = indexes
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._work, name=f"syncline-{name}", daemon=True)

    def stop(self) -> None:
        if self.thread.is_alive():
            self._stop.set()
            self._indexes.wake()
            self.thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            self._indexes.wait(_IDLE_SECONDS)
            try:
                while not self._stop.is_set() and self._indexes.work():
                    pass
            except Exception:
                # Searches stay exact, and slow down as the index falls behind: a full disk may pass.
                logger.exception("an index could not be brought up to date; it is tried again")
                self._stop.wait(_RETRY_SECONDS)
