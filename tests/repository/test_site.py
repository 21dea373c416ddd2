"""The documentation as a site: every page is in it, every link leads somewhere, every public name has an entry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_names_everything_public() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import write_reference as w; print(w.page() == w.PAGE.read_text())"],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n", f"run: python scripts/write_reference.py\n{done.stderr}"


def test_the_site_builds_without_a_broken_link(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    left_out = "The following pages exist in the docs directory, but are not included"
    assert left_out not in done.stderr, done.stderr
    page = (tmp_path / "reference" / "python.html").read_text()
    assert 'id="syncline.schema.Document"' in page and "A full-text index over the text in" in page
    assert "syncline env" in (tmp_path / "reference" / "commands.html").read_text()
