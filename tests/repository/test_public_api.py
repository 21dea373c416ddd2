"""What applications may rely on changes only on purpose (see support.public_api)."""

from __future__ import annotations

from pathlib import Path

import syncline
from support.public_api import describe

RECORDED = Path(__file__).parent / "public_api.txt"
DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_public_names_and_signatures_are_the_recorded_ones() -> None:
    assert describe() == RECORDED.read_text()


def test_every_public_name_is_in_the_docs() -> None:
    text = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    missing = [name for name in syncline.__all__ if name not in text]
    assert not missing, f"public names that no page mentions: {missing}"
