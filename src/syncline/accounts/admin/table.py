"""The table of everything that administrators ask for. What HTTP answers, tests, documentation and clients come from it."""

from __future__ import annotations

from starlette.routing import compile_path

from . import of_addresses, of_admission, of_merges, of_organizations, of_server, of_sessions, of_users
from .asking import Endpoint

PREFIX = "/auth/v1"

#: Literal paths before those with places, so that the first that fits is the right one.
ENDPOINTS: tuple[Endpoint, ...] = (
    *of_users.ENDPOINTS,
    *of_addresses.ENDPOINTS,
    *of_merges.ENDPOINTS,
    *of_sessions.ENDPOINTS,
    *of_organizations.ENDPOINTS,
    *of_admission.ENDPOINTS,
    *of_server.ENDPOINTS,
)


def route_path(path: str) -> str:
    """The path as Starlette reads it. Addresses and patterns of them stand last, and may have a slash."""
    return path.replace("{email}", "{email:path}").replace("{pattern}", "{pattern:path}")


_COMPILED = [(endpoint, compile_path(route_path(endpoint.path))[0]) for endpoint in ENDPOINTS]


def find_endpoint(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """What answers a method at a path below `/auth/v1`, with the values of its places."""
    for endpoint, pattern in _COMPILED:
        found = pattern.fullmatch(path) if endpoint.method == method else None
        if found is not None:
            return endpoint, found.groupdict()
    return None
