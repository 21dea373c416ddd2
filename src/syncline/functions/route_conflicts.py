"""Routes that would answer the same requests: refused when the application loads, as the second could never be reached."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from syncline.kernel.errors import SetupError

from .routes import Route
from .sources import short_name

_PARAMETER: Final = re.compile(r"{[a-zA-Z_][a-zA-Z0-9_]*(:[a-zA-Z_][a-zA-Z0-9_]*)?}")


def same_paths(path: str) -> str:
    """Equal for paths that the same requests fit: names of parameters do not matter, their kinds do."""
    return _PARAMETER.sub(lambda match: f"{{{match[1] or ':str'}}}", path)


def check_routes(routes: Iterable[Route]) -> None:
    """Raises SetupError for two routes of the same method whose paths fit the same requests."""
    known: dict[tuple[str, str], Route] = {}
    for route in routes:
        for method in dict.fromkeys(route.options.methods):
            other = known.setdefault((method, same_paths(route.path)), route)
            if other is not route:
                raise SetupError(
                    f"two routes answer {method} {route.path}:\n{_place(other)}\n{_place(route)}",
                    "give one of them another path or other methods",
                )


def _place(route: Route) -> str:
    return f"  {short_name(route.file)}:{route.line}  {route.__qualname__}  {route.path}"
