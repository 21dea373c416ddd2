"""One server for all fuzzing, with small limits, and a client that is well behaved and must never notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fuzzed import Target
from support.restartable import RestartableServer

BACKEND = Path(__file__).parent / "backend"

#: Small enough to be overstepped in passing.
LIMITS = {
    "frame_bytes": 60_000,
    "frame_bytes_before_connect": 5_000,
    "body_bytes": 60_000,
    "argument_bytes": 40_000,
    "session_queries": 8,
    "session_mutations": 30,
    "session_actions": 30,
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with (
        RestartableServer(BACKEND, tmp_path_factory.mktemp("server"), limits=LIMITS) as server,
        Target(server) as target,
    ):
        yield target
        target.check()
