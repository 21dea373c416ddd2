"""Every seed is a history of its own (see support.client_world). `SYNCLINE_SIM_SEEDS=5000` runs more of them."""

from __future__ import annotations

import os

import pytest

from support.client_world import ClientWorld

SEEDS = int(os.environ.get("SYNCLINE_SIM_SEEDS", "40"))
_BLOCK = 20


@pytest.mark.parametrize("first", range(0, SEEDS, _BLOCK))
def test_clients_keep_their_promises_whatever_the_network_does(first: int) -> None:
    for seed in range(first, min(first + _BLOCK, SEEDS)):
        try:
            ClientWorld(seed).play()
        except BaseException as error:
            error.add_note(
                f"SEED={seed}: from support.client_world import ClientWorld; ClientWorld({seed}).play()"
            )
            raise
