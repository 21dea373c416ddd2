"""Which route or mount a request is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.convertors import Convertor
from starlette.routing import compile_path

from syncline.functions.routes import Route
from syncline.functions.sources import short_name
from syncline.kernel.errors import SetupError


@dataclass(slots=True)
class _Place:
    """All routes of one path."""

    path: str
    pattern: re.Pattern[str]
    convertors: dict[str, Convertor[Any]]
    routes: dict[str, Route] = field(default_factory=dict[str, Route])


@dataclass(frozen=True, slots=True)
class Found:
    """The routes of a path by method, and the path's parameters."""

    routes: Mapping[str, Route]
    params: Mapping[str, Any]

    def of(self, method: str) -> Route | None:
        """The route for a method; HEAD is served by the one for GET."""
        return self.routes.get(method) or (self.routes.get("GET") if method == "HEAD" else None)

    @property
    def methods(self) -> list[str]:
        """What the path can be asked for."""
        names = list(self.routes)
        return [*names, "HEAD"] if "GET" in names and "HEAD" not in names else names


class RouteTable:
    """The routes of a release. Paths without parameters come before those with some, else the order is theirs.

    Raises SetupError for two routes of one path and method.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, _Place] = {}
        self._patterns: dict[str, _Place] = {}
        for route in routes:
            pattern, _, convertors = compile_path(route.path)
            places = self._patterns if convertors else self._exact
            place = places.setdefault(route.path, _Place(route.path, pattern, convertors))
            for method in route.options.methods:
                other = place.routes.setdefault(method, route)
                if other is not route:
                    raise SetupError(
                        f"two routes answer {method} {route.path}:\n"
                        f"  {short_name(other.file)}:{other.line}  {other.__qualname__}\n"
                        f"  {short_name(route.file)}:{route.line}  {route.__qualname__}",
                        "give one of them another path or other methods",
                    )

    def find(self, path: str) -> Found | None:
        """The routes at a path (decoded)."""
        place = self._exact.get(path)
        if place is not None:
            return Found(place.routes, {})
        for place in self._patterns.values():
            match = place.pattern.match(path)
            if match is not None:
                texts = match.groupdict()
                return Found(
                    place.routes, {name: place.convertors[name].convert(text) for name, text in texts.items()}
                )
        return None

    def __len__(self) -> int:
        return len(self._exact) + len(self._patterns)

    def __iter__(self) -> Iterator[Route]:
        for place in (*self._exact.values(), *self._patterns.values()):
            yield from dict.fromkeys(place.routes.values())
