"""Which network addresses a server may be sent to by somebody else."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: Addresses that wrap an IPv4 address: NAT64. What is in them counts, as in mapped ones and 6to4.
_NAT64 = ip_network("64:ff9b::/96")
#: All that the Internet has of IPv6. The rest wraps IPv4 addresses in ways of its own (`::127.0.0.1`), or is special.
_UNICAST, _DOCUMENTATION = ip_network("2000::/3"), ip_network("3fff::/20")
_PRIVATE, _LOOPBACK = ip_network("fc00::/7"), IPv6Address("::1")
#: Where clouds keep the credentials of machines, where that is no link-local address: AWS, Azure, Alibaba, Oracle.
_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")))


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public network: not this machine, not a private network, not a cloud's
    metadata service, in whatever notation. False for what is no address."""
    try:
        address = _unwrapped(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address in _DOCUMENTATION):
        return False
    return address.is_global and not address.is_multicast and address not in _METADATA


def is_own_machine_or_network(text: str) -> bool:
    """Whether an IP address is one that a service may have: loopback, private or public, but nothing special, such as
    link-local addresses, where clouds keep the credentials of machines."""
    try:
        address = _unwrapped(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if address in _METADATA:
        return False
    if isinstance(address, IPv6Address):
        return address == _LOOPBACK or address in _PRIVATE or address in _UNICAST
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
