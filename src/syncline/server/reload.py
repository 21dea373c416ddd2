"""Development: watch the application's files, and put what changes in force while sockets stay open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from syncline.functions import Release, load_application

from .accounts import check_mails

#: Templates of mails may lie among the modules.
_SOURCES = frozenset({".py", ".html", ".txt"})
#: Milliseconds. Editors write a file in several steps: changes this close together count as one.
_STEP, _DEBOUNCE = 20, 200


class Watcher:
    """A thread that loads the backend anew when a source file changes, and says when the site has changed.

    `loaded` gets the new release or what is wrong with it, `site_changed` nothing; both on the watcher's thread.
    `since_ns` is a moment (of the wall clock) before the files were read that are in force: what was saved between
    then and the beginning of the watch is found by the times of the files.
    """

    def __init__(
        self,
        backend: Path,
        site: Path | None,
        loaded: Callable[[Release | BaseException], None],
        site_changed: Callable[[], None],
        since_ns: int,
    ) -> None:
        self._since_ns = since_ns
        self._backend = backend
        self._site = site
        self._loaded = loaded
        self._site_changed = site_changed
        self._stop = threading.Event()
        self._loading = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="syncline-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def reload(self) -> None:
        """Load the backend anew although no file has changed. Returns at once, on any thread."""
        threading.Thread(target=self._load, name="syncline-reload", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        from watchfiles import watch

        folders = [self._backend] if self._site is None else [self._backend, self._site]
        first = True
        for changes in watch(
            *folders,
            watch_filter=None,
            step=_STEP,
            debounce=_DEBOUNCE,
            stop_event=self._stop,
            rust_timeout=500,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            paths = [Path(name) for _, name in changes]
            if first:
                first = False
                paths += self._changed_before(folders)
            self._changed(paths)

    def _changed_before(self, folders: Iterable[Path]) -> list[Path]:
        """What was saved before the watch began."""
        found: list[Path] = []
        for folder in folders:
            for path in folder.rglob("*"):
                try:
                    if path.is_file() and path.stat().st_mtime_ns > self._since_ns:
                        found.append(path)
                except OSError:
                    continue  # Gone meanwhile, which the watch has seen.
        return found

    def _changed(self, paths: Iterable[Path]) -> None:
        sources = site = False
        for path in paths:
            if path.is_relative_to(self._backend):
                sources |= path.suffix in _SOURCES and "__pycache__" not in path.parts
            elif self._site is not None and path.is_relative_to(self._site):
                site = True
        if sources:
            self._load()
        if site:
            self._site_changed()

    def _load(self) -> None:
        with self._loading:
            try:
                loaded = load_application(self._backend, activate=False)
                check_mails(loaded.app)
                release: Release | BaseException = loaded
            except Exception as error:
                release = error
            self._loaded(release)
