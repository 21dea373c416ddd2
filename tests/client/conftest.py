"""A server for all tests of a module: each test has a board of its own."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from support.noticeboard import notices
from support.serving import Running, running


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    source = Path(notices.__file__).read_text()
    with running(tmp_path_factory.mktemp("client"), {"notices": source}) as server:
        yield server


@pytest.fixture
def board(request: pytest.FixtureRequest) -> str:
    name: str = request.node.name
    return name
