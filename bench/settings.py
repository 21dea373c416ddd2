"""What all benchmarks are told: how long, how often, and where the data goes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.loader import Measured


@dataclass(frozen=True)
class Settings:
    folder: Path
    seconds: float
    warmup: float
    repeat: int
    _names: itertools.count[int] = field(default_factory=itertools.count)

    def new_data(self) -> Path:
        """The path of a data folder that does not exist yet."""
        return self.folder / f"data-{next(self._names)}"

    def repeated(self, measure: Callable[[], Measured]) -> list[Measured]:
        return [measure() for _ in range(self.repeat)]


def median(runs: Sequence[Measured], key: Callable[[Measured], float] = lambda run: run.rate) -> Measured:
    """The run in the middle, by rate unless `key` says otherwise."""
    return sorted(runs, key=key)[len(runs) // 2]
