"""All that a server answers, as it is put together: what tests of the gate go through, so that nothing is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from starlette.routing import BaseRoute, Route

from .files import PLACES
from .files import PREFIX as FILES
from .gateway import Gateway
from .mounts import Mounts
from .routes import Routes

#: The other address of routes and mounts, for clients that have a site URL.
ALIAS = "/http"

SurfaceKind = Literal["endpoint", "file", "route", "mount", "page", "sign-in"]


class Surface(NamedTuple):
    """One method of one path. `anonymous` is what its declaration says; None: it declares nothing."""

    kind: SurfaceKind
    method: str
    path: str
    anonymous: bool | None = None


def surface_of(gateway: Gateway, routes: Routes, mounts: Mounts) -> Iterator[Surface]:
    """Hot endpoints, files, routes and mounts. A path that ends in `/` takes everything below it, `*` everything."""
    for method, path in gateway.routes:
        yield Surface("endpoint", method, path)
    for place, methods in PLACES.items():
        for method in methods:
            yield Surface("file", method, f"{FILES}/{place}")
    for prefix in ("", ALIAS):
        for route in routes:
            for method in route.options.methods:
                yield Surface("route", method, prefix + route.path, route.options.anonymous)
        for mount, anonymous in mounts:
            yield Surface("mount", "*", f"{prefix}{mount}/", anonymous)


def surface_of_starlette(kind: SurfaceKind, routes: Iterable[BaseRoute]) -> Iterator[Surface]:
    """Routes of an application of our own. Raises TypeError for what is not a plain route."""
    for route in routes:
        if not isinstance(route, Route):
            raise TypeError(f"{route!r} is not a plain route: say here what is below it")
        for method in sorted(route.methods or ()):
            yield Surface(kind, method, route.path)
