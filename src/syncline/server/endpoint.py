"""Where the server of a data folder can be reached: a small file in it, for the command line."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

_FILE = "server.json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`url` is where administration is answered: `http://...`, or `unix:/path` for a socket in the file system."""

    url: str
    pid: int


def publish_endpoint(data: Path, url: str) -> None:
    """Say that this process serves the folder, and answers administrators at `url`."""
    temporary = data / f"{_FILE}.new"
    temporary.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    temporary.replace(data / _FILE)


def forget_endpoint(data: Path) -> None:
    (data / _FILE).unlink(missing_ok=True)


def find_endpoint(data: Path) -> Endpoint | None:
    """The server of the folder; None if it has none, as far as one can tell without asking it."""
    try:
        values: dict[str, object] = json.loads((data / _FILE).read_text())
        endpoint = Endpoint(str(values["url"]), int(str(values["pid"])))
    except (OSError, ValueError, KeyError):
        return None
    return endpoint if _lives(endpoint.pid) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # It is another user's.
    return True
