"""The thread that brings full-text indexes up to date, behind the commits."""

from __future__ import annotations

import logging
import threading

from syncline.store import Store

logger = logging.getLogger("syncline.search")

_IDLE_SECONDS = 1.0
_RETRY_SECONDS = 5.0


class TextWorker:
    """Works on the indexes of one store from `start` to `stop`. Nothing starts where there can be none."""

    def __init__(self, store: Store) -> None:
        self._text = store.text
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="syncline-search", daemon=True)

    def start(self) -> None:
        if self._text is not None:
            self._thread.start()

    def stop(self) -> None:
        if self._text is not None and self._thread.is_alive():
            self._stop.set()
            self._text.wake()
            self._thread.join()

    def _work(self) -> None:
        text = self._text
        assert text is not None
        while not self._stop.is_set():
            text.wait(_IDLE_SECONDS)
            try:
                while text.work() and not self._stop.is_set():
                    pass
            except Exception:
                # Searches stay exact, and slow down as the index falls behind: a full disk may pass.
                logger.exception("a full-text index could not be brought up to date; it is tried again")
                self._stop.wait(_RETRY_SECONDS)
