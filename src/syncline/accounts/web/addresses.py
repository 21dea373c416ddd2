"""From which network address a visitor came."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

from syncline.kernel import proxies
from syncline.kernel.proxies import FORWARDED, Network, is_in

logger = logging.getLogger("syncline.accounts")

#: Hops that the log tells of in a server's life: anybody can be one.
_TOLD: Final = 3


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The address of the last hop that is none of our proxies."""
    client: tuple[str, int] | None = scope.get("client")
    return proxies.client_address(client[0] if client else "", scope.get("headers", ()), trusted)


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
