"""The application's own pages: a folder of static files, held in memory.

Requests are looked up in a table made when the folder was read. No part of a URL is ever joined to a path on disk,
so there is nothing to traverse; symbolic links are not followed when reading.
"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from syncline.kernel.errors import SetupError

_MiB = 1024 * 1024
_TOTAL_BYTES = 256 * _MiB

# Types that the machine's table may lack or have wrong.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_TEXTUAL = re.compile(r"text/|application/(json|manifest\+json)|image/svg\+xml").match

# Bundlers put a hash into the names of files that never change: app-3UqETcLC.css, main.8f3b2c1d.js
_HASHED = re.compile(r"[-.](?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{8,}\.\w+$").search
_FOREVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is sent."""

    content: bytes
    content_type: str
    etag: str
    cache_control: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Page:
        suffix = Path(name).suffix.lower()
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        if _TEXTUAL(kind):
            kind += "; charset=utf-8"
        etag = f'"{sha256(content).hexdigest()[:32]}"'
        return cls(content, kind, etag, _FOREVER if _HASHED(name) else _REVALIDATE)


class Site:
    """The files of a folder by URL path. `missing` is what a path gets that is not there, if the site has a 404.html."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = dict(pages)
        self.missing = self._pages.get("/404.html")

    @classmethod
    def read(cls, folder: Path) -> Site:
        """Read a folder whole. Raises SetupError if it is none, cannot be read or is too large to be held."""
        if not folder.is_dir():
            raise SetupError(
                f"the site folder {folder} does not exist",
                "build the site, or correct `site` under [tool.syncline] in pyproject.toml",
            )
        pages: dict[str, Page] = {}
        total = 0
        try:
            for file in _files(folder):
                content = file.read_bytes()
                total += len(content)
                if total > _TOTAL_BYTES:
                    raise SetupError(
                        f"the site folder {folder} has more than {_TOTAL_BYTES // _MiB} MiB of files",
                        "point `site` at the built site only, and keep large media elsewhere",
                    )
                path = "/" + file.relative_to(folder).as_posix()
                pages[path] = Page.of(file.name, content)
        except OSError as error:
            raise SetupError(
                f"the site folder {folder} cannot be read: {error}", "check its permissions"
            ) from None
        return cls(pages)

    def find(self, path: str, *, navigation: bool) -> Page | None:
        """The page at a URL path (decoded). `navigation`: a browser is going there, and would take HTML.

        `/about` finds about.html and about/index.html. What else is not there is index.html for a navigation to a
        path without a dot, so that single-page applications can route, and None for everything else: a missing
        script must not be answered with a page.
        """
        pages = self._pages
        found = pages.get(path)
        if found is None:
            stem = path.rstrip("/")
            found = pages.get(f"{stem}/index.html") or (pages.get(f"{stem}.html") if stem else None)
        if found is None and navigation and "." not in path.rpartition("/")[2] and self.missing is None:
            found = pages.get("/index.html")
        return found

    def __len__(self) -> int:
        return len(self._pages)


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, without hidden ones and without what links lead to."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith(".") and entry.name != ".well-known":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
