"""Connections to addresses that were checked: a name is resolved once, and what was checked is what is connected to.

The name could point elsewhere a moment later, so it is never given to the machine to connect to.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpcore

#: Whether an address may be connected to.
Allowed = Callable[[str], bool]
#: The error for a host that has an address which may not.
Refusal = Callable[[str, str], Exception]


def checked(host: str, addresses: Iterable[str], allowed: Allowed, refusal: Refusal) -> list[str]:
    """The addresses of a name, once each, if all of them are allowed."""
    found = list(dict.fromkeys(addresses))
    for address in found:
        if not allowed(address):
            raise refusal(host, address)
    return found


def checked_network(allowed: Allowed, refusal: Refusal, *, patient: bool = False) -> httpcore.SyncBackend:
    """What httpcore connects by. After an address that cannot be reached it tries the next one; `patient`: also after one
    that did not answer in time."""
    import httpcore

    failures: tuple[type[Exception], ...] = (httpcore.NetworkError,)
    if patient:
        failures = (httpcore.NetworkError, httpcore.ConnectTimeout)

    class Network(httpcore.SyncBackend):
        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.NetworkStream:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = checked(host, [str(each[4][0]) for each in found], allowed, refusal)
            for address in addresses[:-1]:
                try:
                    return super().connect_tcp(address, port, timeout, local_address, socket_options)
                except failures:
                    continue
            return super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

        def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.NetworkStream:
            raise refusal(path, path)

    return Network()


@cache
def trusted_authorities() -> ssl.SSLContext:
    """The authorities that the machine trusts and, for machines that have none, the usual ones.

    Reading them takes a tenth of a second, so they are kept.
    """
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
