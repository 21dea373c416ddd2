"""A server process that tests may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.restartable import RestartableServer

BACKEND = Path(__file__).parent / "backend"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableServer]:
    with RestartableServer(BACKEND, tmp_path_factory.mktemp("server")) as server:
        yield server
