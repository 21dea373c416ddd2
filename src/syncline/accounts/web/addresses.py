"""From which network address a visitor came."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from syncline.kernel import proxies
from syncline.kernel.proxies import FORWARDED, Network, is_in, read_networks

logger = logging.getLogger("syncline.accounts")

#: Hops that the log tells of in a server's life: anybody can be one.
_TOLD: Final = 3
_LOOPBACK: Final = read_networks("127.0.0.0/8, ::1")
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
#: By these a proxy or a tunnel says that it asks for somebody else.
_SPEAKS: Final = (FORWARDED, b"forwarded", b"x-forwarded-host", b"x-real-ip")


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The address of the last hop that is none of our proxies."""
    client: tuple[str, int] | None = scope.get("client")
    return proxies.client_address(client[0] if client else "", scope.get("headers", ()), trusted)


def is_here(scope: Scope, url: str) -> bool:
    """Whether somebody on this machine asks, as far as a request tells. `url`: where browsers reach the server.

    A proxy on this machine, such as the server of a frontend, counts if it asks for this machine. A page of another site
    does not, whose name was made to lead here: its requests have that name.
    """
    client: tuple[str, int] | None = scope.get("client")
    headers: list[tuple[bytes, bytes]] = list(scope.get("headers", ()))
    hops = [client[0] if client else ""]
    hops += [
        hop.strip()
        for name, value in headers
        if name == FORWARDED
        for hop in value.decode("latin-1").split(",")
    ]
    host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
    try:
        named = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return all(is_in(hop, _LOOPBACK) for hop in hops) and named in (*_LOCAL_NAMES, urlsplit(url).hostname)


def is_forwarded(scope: Scope) -> bool:
    """Whether a proxy says that it asks for somebody else."""
    return any(name in _SPEAKS for name, _ in scope.get("headers", ()))


class UnknownProxies:
    """Tells the log, once for each, of hops that speak for others without being trusted.

    If such a hop is a proxy, or the Next.js server before us, then all who come through it look like one visitor, and
    share that one's limits: few people can sign up within an hour, and nobody sees why.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()

    def look(self, scope: Scope, trusted: Sequence[Network]) -> None:
        client: tuple[str, int] | None = scope.get("client")
        hop = client[0] if client else ""
        if not hop or hop in self._told or len(self._told) >= _TOLD or is_in(hop, trusted):
            return
        if any(name == FORWARDED for name, _ in scope.get("headers", ())):
            self._told.add(hop)
            logger.warning(
                "sign-in requests from %s say that they come from others (X-Forwarded-For), and %s is no trusted proxy: "
                "all of them count as one visitor, with the limits of one. If it is your proxy or your Next.js server, "
                "set SYNCLINE_TRUSTED_PROXIES=%s",
                hop,
                hop,
                hop,
            )
