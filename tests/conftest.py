"""Shared set-up of all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

# No test is about time: how long an example takes says how busy the machine is.
settings.register_profile("syncline", deadline=None)
settings.load_profile("syncline")

sys.path.insert(0, str(Path(__file__).parent))

#: Files that take a minute or more. They come first: one that begins last would run alone, with the other processor idle.
LONG_FILES = ("repository/test_docs.py", "templates/test_templates.py", "http/test_official_clients_npm.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG_FILES))
