"""kill -9 in the middle of writing: all that was acknowledged is there, every batch whole."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from support import writer_process
from support.stores import open_store

TABLE = 10_001


def write_until_killed(folder: Path, seed: int, acknowledgements: int) -> int:
    """The last batch that the process acknowledged before it was killed."""
    last = 0
    with subprocess.Popen(
        [sys.executable, writer_process.__file__, str(folder), str(seed)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = int(line)
            acknowledgements -= 1
            if acknowledgements == 0:
                process.kill()  # and read on: what is in the pipe was acknowledged too
    return last


def verify(folder: Path, acknowledged: int) -> None:
    with open_store(folder) as store:
        assert store.check() == []
        reader = store.reader()
        assert reader.begin() == store.head
        written = {id: body for id, _, _, body in reader.scan(-TABLE, b"", None)}
        counters = [int(written.pop(half.to_bytes(16, "little"))) for half in (0, 1)]
        assert counters[0] == counters[1] >= acknowledged
        numbers = sorted(int(body) for body in written.values())
        assert numbers == sorted([*range(1, counters[0] + 1)] * 2)


def kill_repeatedly(folder: Path, seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    for _ in range(rounds):
        acknowledged = write_until_killed(folder, chance.randrange(1 << 30), chance.randint(1, 120))
        verify(folder, acknowledged)


def test_nothing_acknowledged_is_lost_to_a_kill(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path / "data", seed=1, rounds=4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 10))
def test_nothing_acknowledged_is_lost_to_many_kills(tmp_path: Path, seed: int) -> None:
    kill_repeatedly(tmp_path / "data", seed=seed, rounds=20)
