"""Shared set-up of all tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

#: Files that take a minute or more. They come first: one that begins last would run alone, with the other processor idle.
LONG_FILES = ("repository/test_docs.py", "templates/test_templates.py", "http/test_official_clients_npm.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG_FILES))
