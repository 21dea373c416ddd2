"""Every seed is a history of its own: clients, commits, slow readers, broken sockets, releases and restarts.

What must hold at every transition of every client is in `support.model_client`: versions chain, time never goes
back, everything held is right at one timestamp, own writes show, nothing is sent twice. `SYNCLINE_SIM_SEEDS=5000`
runs more of them; a failure names its seed.
"""

from __future__ import annotations

import os

import pytest

from support.sync_world import World

SEEDS = int(os.environ.get("SYNCLINE_SIM_SEEDS", "250"))
_BLOCK = 25


@pytest.mark.parametrize("first", range(0, SEEDS, _BLOCK))
def test_every_client_sees_one_consistent_history(first: int) -> None:
    for seed in range(first, min(first + _BLOCK, SEEDS)):
        try:
            World(seed).play()
        except BaseException as error:
            error.add_note(f"SEED={seed}: from support.sync_world import World; World({seed}).play()")
            raise


@pytest.mark.parametrize("seed", range(10))
def test_nobody_falls_behind_under_constant_writes(seed: int) -> None:
    World(seed).endure()
