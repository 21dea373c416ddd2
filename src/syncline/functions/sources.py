"""Names of source files, as short as makes them clear: "backend/messages.py"."""

from __future__ import annotations

import linecache
import os
import sys
from functools import lru_cache
from itertools import takewhile
from types import CodeType

_roots: list[str] = []


def add_source_root(folder: str) -> None:
    """Files below `folder` are named relative to it."""
    root = folder.rstrip(os.sep) + os.sep
    if root not in _roots:
        _roots.insert(0, root)
        short_name.cache_clear()


def line_of_def(code: CodeType) -> int:
    """Where a function's `def` is: its code begins at the first decorator."""
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    above = sum(
        1 for _ in takewhile(lambda line: not line.lstrip().startswith(("def ", "async def ")), lines)
    )
    return code.co_firstlineno + (above if above < len(lines) else 0)


@lru_cache(maxsize=1024)
def short_name(file: str) -> str:
    """`file` relative to the application, or to the place from which it was imported."""
    roots = [
        *_roots,
        *sorted((entry.rstrip(os.sep) + os.sep for entry in sys.path if entry), key=len, reverse=True),
    ]
    return next((file[len(root) :] for root in roots if file.startswith(root)), file)
