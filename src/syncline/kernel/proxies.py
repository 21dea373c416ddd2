"""From which network address a request came: behind proxies the word of those that are trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

FORWARDED = b"x-forwarded-for"


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks between commas or spaces: `10.0.0.0/8, ::1`. Raises ValueError."""
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


def client_address(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]) -> str:
    """The address of the last hop that is none of our proxies.

    `peer` is who connected, `headers` are the request's (names in lower case). What stands further left in the header
    was written by whoever that hop is, and means nothing.
    """
    if not trusted or not is_in(peer, trusted):
        return peer
    forwarded = [
        part.strip()
        for name, value in headers
        if name == FORWARDED
        for part in value.decode("latin-1").split(",")
    ]
    address = peer
    for hop in reversed(forwarded):
        if _parsed(hop) is None:
            return address
        address = hop
        if not is_in(hop, trusted):
            return hop
    return address


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks. An IPv4 address may be written as an IPv6 one."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def subscriber_of(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address if parsed is None else str(parsed)
