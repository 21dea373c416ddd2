"""Addresses of sockets in the file system: `unix:/run/app/admin.sock`."""

from __future__ import annotations

from typing import Final

_SCHEME: Final = "unix:"


def unix_path(address: str) -> str | None:
    """The path of the socket; None for an address on a network."""
    return address.removeprefix(_SCHEME) if address.startswith(_SCHEME) else None
