"""Passwords that everybody tries first: shipped as a sorted list of short hashes, which cannot be read back."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from hashlib import sha256
from pathlib import Path

#: Bytes of each hash. A password that is none of them is taken for one once in some thirty million times.
WIDTH = 5
LIST = Path(__file__).parent / "common_passwords.bin"


def is_common(password: str) -> bool:
    """Whether the password, or it without surrounding digits and signs, is one of the well-known ones."""
    text = password.casefold()
    bare = text.strip("0123456789!?.,;:-_*#$%&@+ ")
    return _is_listed(text) or (
        len(bare) >= 4 and len(text) - len(bare) <= 4 and len(text) < 12 and _is_listed(bare)
    )


def short_hash(password: str) -> bytes:
    """What the list holds of a password in lower case."""
    return sha256(b"syncline common password\0" + password.encode("utf-8", "surrogatepass")).digest()[:WIDTH]


def _is_listed(text: str) -> bool:
    wanted, content = short_hash(text), _content()
    place = bisect_left(
        range(len(content) // WIDTH), wanted, key=lambda at: content[at * WIDTH : (at + 1) * WIDTH]
    )
    return content[place * WIDTH : (place + 1) * WIDTH] == wanted


@cache
def _content() -> bytes:
    return LIST.read_bytes()
