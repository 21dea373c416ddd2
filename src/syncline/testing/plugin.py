"""The pytest plugin: loads the application that a test file belongs to, and gives tests a `backend`.

An application is found by the nearest pyproject.toml with a [tool.syncline] table at or above the test file.
Nothing is loaded in projects that have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from syncline.functions import Release

    from .backend import Backend


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Before a test module is imported: let its `from backend import ...` find the application."""
    release = _release_for(module_path.parent)
    if release is not None:
        release.activate()


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The application under test, with an empty database in memory and a clock that stands still."""
    from .backend import Backend

    folder = request.path.parent
    release = _release_for(folder)
    if release is None:
        pytest.fail(
            f"the fixture `backend` needs an application: no pyproject.toml at or above {folder} has a "
            "[tool.syncline] table. Add one (it may be empty) beside the folder `backend`",
            pytrace=False,
        )
    release.activate()
    made = Backend(release)
    yield made
    made.close()


def _release_for(folder: Path) -> Release | None:
    base = _application_of(folder)
    return None if base is None else _load(base)


@lru_cache
def _application_of(folder: Path) -> Path | None:
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file() and "[tool.syncline" in file.read_text():
            return place
    return None


@lru_cache
def _load(base: Path) -> Release:
    # Imported here: a plugin is loaded by every run of pytest in this environment, also by those of other projects.
    from syncline.functions import load_application
    from syncline.server.settings import load_settings

    return load_application(load_settings(base, {}).backend)
