"""What a running server knows of its functions, for `syncline audit` and `syncline explain`. Admin key only.

GET /api/statistics                  what each function has used, and which indexes answered queries
GET /api/reruns?path=messages:list   why the live queries of a function ran again lately
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

import msgspec

from syncline.database import Catalog
from syncline.database.labels import Labels
from syncline.database.plans import Plan
from syncline.functions.statistics import Statistics
from syncline.kernel.identity import Caller
from syncline.protocol import parse_path
from syncline.sync import Services

from .callers import Callers
from .gateway import Gateway
from .request import Request

_encode: Final = msgspec.json.Encoder().encode
_MOST_RERUNS: Final = 20


class Diagnostics:
    """`catalog` gives that of the release in force."""

    def __init__(
        self,
        services: Services,
        statistics: Statistics,
        catalog: Callable[[], Catalog],
        callers: Callers,
        gateway: Gateway,
    ) -> None:
        self._live = services.live
        self._statistics = statistics
        self._catalog = catalog
        self._callers = callers
        gateway.add("GET", "/api/statistics", self._get_statistics, administration=True)
        gateway.add("GET", "/api/reruns", self._get_reruns, administration=True)

    def _get_statistics(self, request: Request) -> None:
        def answer(caller: Caller) -> None:
            self._callers.require_admin(caller, reading=True)
            body = {"functions": self._statistics.report(), "indexesUsed": _indexes_used(self._catalog())}
            request.respond(200, _encode(body))

        self._callers.resolve(request, answer)

    def _get_reruns(self, request: Request) -> None:
        path = parse_path(parse_qs(request.url.partition(b"?")[2].decode("latin-1")).get("path", [""])[-1])

        def answer(caller: Caller) -> None:
            self._callers.require_admin(caller, reading=True)
            labels = Labels(self._catalog())
            reruns = [
                {
                    "args": msgspec.Raw(rerun.args),
                    "ts": str(rerun.ts),
                    "table": None if rerun.index_id is None else labels.table(rerun.index_id),
                    "index": None if rerun.index_id is None else labels.index(rerun.index_id),
                    "key": None if rerun.index_id is None else labels.key(rerun.index_id, rerun.key),
                }
                for rerun in self._live.effects.reruns(path)[:_MOST_RERUNS]
            ]
            request.respond(200, _encode({"reruns": reruns}))

        self._callers.resolve(request, answer)


def _indexes_used(catalog: Catalog) -> list[str]:
    """Indexes that answered conditions since the release was loaded; those that queries name are not among them."""
    plans = [plan for table in catalog.by_number.values() for plan in list(table.plans.values())]
    return sorted({plan.index.label for plan in plans if isinstance(plan, Plan) and plan.index is not None})
