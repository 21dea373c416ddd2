"""Files that stand in several places, because each of them must run where it is, say the same everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "src" / "syncline" / "templates"


@pytest.mark.parametrize("name", ["style.css", "icon.svg"])
def test_the_example_that_answers_looks_like_the_templates(name: str) -> None:
    # Links would not do: a site is served without following any.
    assert (ROOT / "examples" / "ask" / "site" / name).read_bytes() == (
        TEMPLATES / "page" / name
    ).read_bytes()


def promises_of(template: str) -> str:
    """What follows the fixture that says where the page is served."""
    source = (TEMPLATES / template / "e2e" / "test_page.py").read_text()
    return source[source.index("def test_") :]


def test_the_pages_of_html_and_vite_promise_the_same() -> None:
    assert promises_of("html") == promises_of("vite")


def test_the_rows_of_vite_and_nextjs_are_the_same() -> None:
    files = ("vite/web/src/TaskList.tsx", "nextjs/web/app/tasks/TaskList.tsx")
    vite, nextjs = ((TEMPLATES / file).read_text().partition("function Row(")[2] for file in files)
    assert "withOptimisticUpdate" in vite
    assert vite == nextjs
