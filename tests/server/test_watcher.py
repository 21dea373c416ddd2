"""What a development server does about files that are saved while it starts."""

from __future__ import annotations

import os
from pathlib import Path
from queue import SimpleQueue

from support.applications import write_application
from syncline.functions import Release
from syncline.server.reload import Watcher

GREET = """
    from syncline import QueryCtx, query

    @query
    def {}(ctx: QueryCtx) -> str:
        return "hello"
"""
BEGAN_NS = 1_700_000_000_000_000_000


def saved(folder: Path, name: str, moment_ns: int) -> None:
    """A module that was saved at a moment."""
    path = write_application(folder, **{name: GREET.format(name)}) / f"{name}.py"
    os.utime(path, ns=(moment_ns, moment_ns))


def test_what_was_saved_between_the_load_and_the_watch_is_loaded(tmp_path: Path) -> None:
    found: SimpleQueue[Release | BaseException] = SimpleQueue()
    saved(tmp_path, "missed", BEGAN_NS + 1)
    watcher = Watcher(tmp_path / "backend", None, found.put, lambda: None, BEGAN_NS)
    watcher.start()
    release = found.get(timeout=30)
    watcher.stop()
    assert isinstance(release, Release)
    assert "missed:missed" in release.registry.definitions
    release.modules.close()


def test_what_was_there_before_is_not_loaded_again(tmp_path: Path) -> None:
    found: SimpleQueue[Release | BaseException] = SimpleQueue()
    saved(tmp_path, "known", BEGAN_NS - 1)
    for path in (tmp_path / "backend").iterdir():
        os.utime(path, ns=(BEGAN_NS - 1, BEGAN_NS - 1))
    sites: SimpleQueue[None] = SimpleQueue()
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("one")
    watcher = Watcher(tmp_path / "backend", site, found.put, lambda: sites.put(None), BEGAN_NS)
    watcher.start()
    sites.get(timeout=30)  # The page is newer: the files were looked at.
    watcher.stop()
    assert found.empty()
