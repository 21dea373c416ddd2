"""Which network addresses a server may be sent to by somebody else."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: Addresses that wrap an IPv4 address: NAT64 and 6to4. What is in them counts.
_NAT64 = ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public network: not this machine, not a private network, not a cloud's
    metadata service, in whatever notation. False for what is no address."""
    try:
        address = _unwrapped(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


def is_own_machine_or_network(text: str) -> bool:
    """Whether an IP address is one that a service may have: loopback, private or public, but nothing special, such as
    link-local addresses, where clouds keep the credentials of machines."""
    try:
        address = _unwrapped(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
