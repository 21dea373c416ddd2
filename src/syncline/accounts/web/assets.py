"""Files of the pages: styles and the script for passkeys. Read once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

ASSETS = Path(__file__).parents[1] / "pages" / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@lru_cache(maxsize=32)
def read_asset(name: str) -> tuple[bytes, str] | None:
    """Content and type of a file; None if there is none."""
    path = ASSETS / Path(name).name
    kind = _TYPES.get(path.suffix)
    return (path.read_bytes(), kind) if kind is not None and path.is_file() else None
