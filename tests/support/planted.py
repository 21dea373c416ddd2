"""Secrets that a test put somewhere, and a look for them wherever they must not be."""

from __future__ import annotations

import base64
import io
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path


def shapes_of(secret: str) -> Iterator[bytes]:
    """How a secret may lie in a file: as it is, as hexadecimal digits, in Base64 wherever it begins; what it stands for, too."""
    raws = [secret.encode()]
    if len(secret) % 2 == 0 and set(secret) <= set("0123456789abcdef"):
        raws.append(bytes.fromhex(secret))
    for raw in raws:
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for before in range(3):
            # The first and last characters depend on the neighbours.
            inner = base64.b64encode(b"\0" * before + raw)[4 if before else 0 :].rstrip(b"=")[:-1]
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found_in(content: bytes, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets that are in `content`."""
    return [name for name, secret in secrets.items() if any(shape in content for shape in shapes_of(secret))]


def contents_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file as it is, and what is in it: members of a ZIP, values of an SQLite database."""
    content = path.read_bytes()
    yield path.name, content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield f"{path.name}/{name}", archive.read(name)
    if content.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for (table,) in tables:
                values = [value for row in connection.execute(f'SELECT * FROM "{table}"') for value in row]
                parts = [value if isinstance(value, bytes) else str(value).encode() for value in values]
                yield f"{path.name}/{table}", b"\n".join(parts)
