"""The official npm client under Node, for tests marked `node`."""

from __future__ import annotations

import fcntl
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

JS = Path(__file__).resolve().parents[1] / "js"


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder tests/js with its node_modules, which `npm ci` makes if they are missing."""
    installed = JS / "node_modules" / ".package-lock.json"
    # Several test processes may come here at once; the second finds them installed.
    with (JS / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < (JS / "package-lock.json").stat().st_mtime:
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund"], cwd=JS, check=True, stdout=subprocess.DEVNULL
            )
    return JS


class NodeValues:
    """A Node process that answers with what the official client makes of values."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["node", "values.mjs"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def round_trips(self, encoded: list[bytes]) -> list[dict[str, Any]]:
        """For each JSON text `{"json": text, "size": number}` after decoding and encoding, or `{"error": text}`."""
        answer: list[dict[str, Any]] = self._ask({"roundTrip": [text.decode() for text in encoded]})
        return answer

    def comparisons(self, encoded: list[bytes]) -> list[list[int]]:
        """The order of each value against each: -1, 0 or 1."""
        answer: list[list[int]] = self._ask({"compare": [text.decode() for text in encoded]})
        return answer

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the Node process has ended; its own message is above"
        return json.loads(line)


@pytest.fixture(scope="session")
def node_values(node_modules: Path) -> Iterator[NodeValues]:
    process = NodeValues(node_modules)
    yield process
    process.close()
