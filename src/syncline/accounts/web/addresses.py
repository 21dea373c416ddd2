"""From which network address a request came: behind proxies the word of those that are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope


def client_address(scope: Scope, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The address of the last hop that is none of our proxies."""
    client: tuple[str, int] | None = scope.get("client")
    address = client[0] if client else ""
    if not trusted or not _is_in(address, trusted):
        return address
    forwarded: list[str] = [
        part.strip()
        for name, value in scope.get("headers", ())
        if name == b"x-forwarded-for"
        for part in value.decode("latin-1").split(",")
    ]
    for hop in reversed(forwarded):
        try:
            ip_address(hop)
        except ValueError:
            return address
        address = hop
        if not _is_in(hop, trusted):
            return hop
    return address


def _is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
