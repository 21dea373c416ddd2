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


def on_color(color: str) -> str | None:
    """White or nearly black, whichever is read better on a colour such as `#4f46e5`. None for one by name or function."""
    digits = color.removeprefix("#")
    if len(digits) in (3, 4):
        digits = "".join(each * 2 for each in digits)
    if not color.startswith("#") or len(digits) not in (6, 8):
        return None
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    # The relative luminance of WCAG; contrast with white and with black is the same at 0.179.
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    luminance = sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#fff" if luminance < 0.179 else "#101018"
