from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.houses import House
from support.receivers import Receiver, receiving


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An identity provider with passwords, codes and passkeys, in development."""
    built = House(tmp_path)
    yield built
    built.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as built:
        yield built
