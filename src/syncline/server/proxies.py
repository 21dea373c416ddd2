"""The proxies in front of a server, whose word counts about where a request came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncline.kernel.errors import SetupError
from syncline.kernel.proxies import Network, read_networks

TRUSTED_PROXIES: Final = "SYNCLINE_TRUSTED_PROXIES"


def trusted_proxies(environment: Mapping[str, str]) -> tuple[Network, ...]:
    """The networks of the proxies. Raises SetupError."""
    try:
        return read_networks(environment.get(TRUSTED_PROXIES, ""))
    except ValueError as error:
        raise SetupError(
            f"the environment variable {TRUSTED_PROXIES} cannot be read: {error}",
            "it lists networks, for example 10.0.0.0/8",
        ) from None
