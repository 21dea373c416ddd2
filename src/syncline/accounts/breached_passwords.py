"""Passwords of breaches, in a file that the operator provides: SHA-1 hashes in order, as "Have I Been Pwned" gives them out.

The file is tens of gigabytes: it is searched where it is, with some thirty reads for a password, and none of it is kept.
"""

from __future__ import annotations

import logging
import os
import re
from hashlib import sha1
from pathlib import Path

from syncline.kernel.errors import SetupError

logger = logging.getLogger("syncline.accounts")

_LINE = re.compile(rb"[0-9A-F]{40}(:\d{1,20})?\r?(\n|$)").match
_HASH = 40
#: No line is longer.
_LONGEST_LINE = 64


def check_file(path: Path) -> None:
    """Raises SetupError for what is no such file."""
    try:
        with path.open("rb") as file:
            good = _LINE(file.read(_LONGEST_LINE)) is not None
    except OSError as error:
        raise SetupError(
            f"SYNCLINE_BREACHED_PASSWORDS: {path} cannot be read: {error.strerror}",
            "name another file, or none",
        ) from None
    if not good:
        raise SetupError(
            f"SYNCLINE_BREACHED_PASSWORDS: {path} is no list of SHA-1 hashes",
            "its lines are HASH:COUNT in capital letters and in order; the downloader of Have I Been Pwned writes such a file",
        )


def is_breached(path: Path, password: str) -> bool:
    """Whether the list has the password. Blocks. A file that is gone refuses nobody: the log tells of it."""
    wanted = (
        sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper().encode()
    )
    try:
        # Not mapped into memory: a page that is not there yet would hold up all threads.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _find(descriptor, wanted)
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.warning(
            "the list of breached passwords cannot be read, and passwords are not looked up: %s", error
        )
        return False


def _find(descriptor: int, wanted: bytes) -> bool:
    start, stop = 0, os.fstat(descriptor).st_size
    while start < stop:
        middle = (start + stop) // 2
        base = max(0, middle - _LONGEST_LINE)
        block = os.pread(descriptor, 2 * _LONGEST_LINE, base)
        line = block.rfind(b"\n", 0, middle - base) + 1
        end = block.find(b"\n", middle - base)
        found = block[line : line + _HASH]
        if found == wanted:
            return True
        if found < wanted:
            start = stop if end < 0 else base + end + 1
        else:
            stop = base + line
    return False
