"""A process that writes to a store and says what is durable, until it is killed.

Usage: python writer_process.py FOLDER SEED. Prints one number per acknowledged batch.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from syncline.kernel.clock import SystemClock
from syncline.store import Commit, DocumentWrite, EntryWrite, Store


def batch(store: Store, table: int, by_creation: int, number: int, chance: random.Random) -> list[Commit]:
    """Two commits that both count batch `number`: whoever finds only one of them found half a batch."""
    commits: list[Commit] = []
    for half in (0, 1):
        id = (2 * number + half).to_bytes(16, "big")
        body = b"%d" % number + b" " * chance.randint(0, 4_000)
        count = half.to_bytes(16, "little")
        commits.append(
            Commit(
                store.next_ts(),
                (DocumentWrite(table, id, body, 1), DocumentWrite(table, count, b"%d" % number, 1)),
                (
                    EntryWrite(by_creation, number.to_bytes(8, "big") + id, True),
                    EntryWrite(by_creation, bytes(8) + count, True),
                ),
            )
        )
    return commits


def main(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    store = Store.open(folder, clock=SystemClock())
    table = store.add_table("notes")
    newest = store.writer_reader().get(table.number, bytes(16))
    number = int(newest[2]) if newest is not None else 0
    while True:
        number += 1
        store.append(batch(store, table.number, table.by_creation, number, chance))
        print(number, flush=True)
        if chance.random() < 0.05:
            store.maintain()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
