"""`ctx.http` of actions: an httpx client that reaches the public network only.

A URL that somebody else has chosen (a webhook, an avatar) can name this machine, a neighbour behind the firewall or the
service that hands out a cloud machine's credentials. So each name is resolved here, all its addresses are
checked, and the connection is made to a checked address, not to the name, which could point elsewhere a moment
later. Redirects are requests like any other. Proxies of the environment are not used: they would connect for us.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from syncline.kernel.addresses import is_public
from syncline.kernel.errors import RefusedAddressError

from .checked_network import Allowed, checked, checked_network

if TYPE_CHECKING:
    import httpcore
    import httpx

#: Seconds without progress; connections kept open for the next request.
_TIMEOUT: Final = 30.0
_CONNECTIONS: Final = 100


def async_client(allowed: Allowed = is_public) -> httpx.AsyncClient:
    """A client for one run, on the running loop. Its cookies are its own, its connections are shared."""
    import httpx

    return httpx.AsyncClient(transport=_async_transport(allowed), trust_env=False, timeout=_TIMEOUT)


def sync_client(allowed: Allowed = is_public) -> httpx.Client:
    """The same for code without a loop."""
    import httpx

    return httpx.Client(transport=_sync_transport(allowed), trust_env=False, timeout=_TIMEOUT)


_transports: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Allowed, Any]] = WeakKeyDictionary()


def _async_transport(allowed: Allowed) -> httpx.AsyncBaseTransport:
    import httpcore
    import httpx

    transports = _transports.setdefault(asyncio.get_running_loop(), {})
    if allowed in transports:
        found: httpx.AsyncBaseTransport = transports[allowed]
        return found

    # The checkers do not see the class: httpcore has a stand-in for it where anyio is missing.
    network = cast("httpcore.AsyncNetworkBackend", cast("Any", httpcore).AnyIOBackend())

    class Backend(httpcore.AsyncNetworkBackend):
        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = checked(host, [str(item[4][0]) for item in found], allowed, RefusedAddressError)
            for address in addresses[:-1]:
                try:
                    return await network.connect_tcp(address, port, timeout, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout):
                    continue
            return await network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

        async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
            raise RefusedAddressError(path, path)

        async def sleep(self, seconds: float) -> None:
            await network.sleep(seconds)

    class Transport(httpx.AsyncHTTPTransport):
        def __init__(self) -> None:
            super().__init__(trust_env=False)
            # httpx has no parameter for the network under it.
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=httpx.create_ssl_context(trust_env=False),
                max_connections=_CONNECTIONS,
                network_backend=Backend(),
            )

        async def aclose(self) -> None:
            """It is shared: whoever closes a client closes that client's own state only."""

        async def __aexit__(self, *_: Any) -> None:
            """As `aclose`."""

    transports[allowed] = made = Transport()
    return made


@cache
def _sync_transport(allowed: Allowed) -> httpx.BaseTransport:
    import httpcore
    import httpx

    class Transport(httpx.HTTPTransport):
        def __init__(self) -> None:
            super().__init__(trust_env=False)
            # httpx has no parameter for the network under it.
            self._pool = httpcore.ConnectionPool(
                ssl_context=httpx.create_ssl_context(trust_env=False),
                max_connections=_CONNECTIONS,
                network_backend=checked_network(allowed, RefusedAddressError, patient=True),
            )

        def close(self) -> None:
            """It is shared: whoever closes a client closes that client's own state only."""

        def __exit__(self, *_: Any) -> None:
            """As `close`."""

    return Transport()
