"""Where connections come from, and how many each network address has open.

A proxy that is trusted speaks for many clients. Its connections are counted for nobody, until one of them becomes a
socket: that belongs to the client that the proxy names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Final

from starlette.types import Scope

from syncline.kernel.proxies import Network, client_address, is_in, subscriber_of

_PROTOCOL: Final = b"x-forwarded-proto"
COUNTED: Final = "syncline.counted"


class Addresses:
    """`most` connections of one address, or of one /64 of IPv6. Without `trusted` proxies this machine and its private
    networks, where proxies are, have as many as they want."""

    def __init__(self, most: int, trusted: Sequence[Network] = ()) -> None:
        self._most = most
        self._trusted = trusted
        self._open: dict[str, int] = {}

    @property
    def trusts_any(self) -> bool:
        """Whether there are proxies whose word counts."""
        return bool(self._trusted)

    def client(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Whom a request is from; None if that is not known."""
        return None if peer is None else client_address(peer, headers, self._trusted)

    def as_sent(self, scope: Scope) -> Scope:
        """A request as its client has sent it: with the scheme and the client that a trusted proxy names.

        Under COUNTED there is what limits per address count it as.
        """
        peer: str | None = scope["client"][0] if scope.get("client") else None
        if peer is None or not is_in(peer, self._trusted):
            return {**scope, COUNTED: self.limited(peer)}
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        schemes = [value for name, value in headers if name == _PROTOCOL]
        scheme = schemes[-1].decode("latin-1").lower() if schemes else ""
        client = self.client(peer, headers)
        return {
            **scope,
            "scheme": scheme if scheme in ("http", "https") else scope["scheme"],
            "client": (client, 0),
            COUNTED: self.limited(client),
        }

    def limited(self, address: str | None) -> str | None:
        """What limits per address count an address as; None: they do not hold for it."""
        if address is None or is_in(address, self._trusted) or (not self._trusted and _is_near(address)):
            return None
        return subscriber_of(address)

    def enter(self, subscriber: str) -> bool:
        """Count one more connection of what `limited` gave. False, and nothing was counted, if it has too many."""
        count = self._open.get(subscriber, 0)
        if count >= self._most:
            return False
        self._open[subscriber] = count + 1
        return True

    def leave(self, subscriber: str | None) -> None:
        """Undo one `enter`."""
        if subscriber is None:
            return
        count = self._open.get(subscriber, 0) - 1
        if count > 0:
            self._open[subscriber] = count
        else:
            self._open.pop(subscriber, None)


def _is_near(address: str) -> bool:
    try:
        return not ip_address(address).is_global
    except ValueError:
        return True
