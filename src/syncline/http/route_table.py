"""Which route or mount a request is for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.convertors import Convertor
from starlette.routing import compile_path

from syncline.functions.routes import Route


@dataclass(slots=True)
class _Place:
    """All routes of one path."""

    pattern: re.Pattern[str]
    convertors: dict[str, Convertor[Any]]
    routes: dict[str, Route] = field(default_factory=dict[str, Route])


@dataclass(frozen=True, slots=True)
class Found:
    """The routes of a path by method."""

    routes: Mapping[str, Route]
    _path: str
    _places: Mapping[str, _Place]

    def of(self, method: str) -> Route | None:
        """The route for a method; HEAD is served by the one for GET."""
        return self.routes.get(method) or (self.routes.get("GET") if method == "HEAD" else None)

    def params(self, route: Route) -> dict[str, Any]:
        """What the path gives the parameters of one of the routes."""
        place = self._places[route.path]
        match = place.pattern.match(self._path)
        texts = {} if match is None else match.groupdict()
        return {name: place.convertors[name].convert(text) for name, text in texts.items()}

    @property
    def methods(self) -> list[str]:
        """What the path can be asked for."""
        names = list(self.routes)
        return [*names, "HEAD"] if "GET" in names and "HEAD" not in names else names


class RouteTable:
    """The routes of a release. Paths without parameters come before those with some, else the order is theirs.

    What the first path that fits does not answer, the next one may: `GET /notes/new` beside `POST /notes/{name}`.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, _Place] = {}
        self._patterns: dict[str, _Place] = {}
        for route in routes:
            pattern, _, convertors = compile_path(route.path)
            places = self._patterns if convertors else self._exact
            place = places.setdefault(route.path, _Place(pattern, convertors))
            for method in route.options.methods:
                place.routes.setdefault(method, route)

    def find(self, path: str) -> Found | None:
        """The routes at a path (decoded)."""
        exact = self._exact.get(path)
        fitting = [] if exact is None else [exact]
        fitting += [place for place in self._patterns.values() if place.pattern.match(path) is not None]
        if not fitting:
            return None
        routes: dict[str, Route] = {}
        for place in fitting:
            # HEAD belongs to the first one that answers GET.
            has_get = "GET" in routes
            for method, route in place.routes.items():
                if method != "HEAD" or not has_get:
                    routes.setdefault(method, route)
        return Found(
            routes, path, {route.path: place for place in fitting for route in place.routes.values()}
        )

    def __len__(self) -> int:
        return len(self._exact) + len(self._patterns)

    def __iter__(self) -> Iterator[Route]:
        for place in (*self._exact.values(), *self._patterns.values()):
            yield from dict.fromkeys(place.routes.values())
