"""From which network address a visitor came."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Scope

from syncline.kernel import proxies
from syncline.kernel.proxies import Network


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The address of the last hop that is none of our proxies."""
    client: tuple[str, int] | None = scope.get("client")
    return proxies.client_address(client[0] if client else "", scope.get("headers", ()), trusted)
