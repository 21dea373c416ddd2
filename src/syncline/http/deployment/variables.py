"""Environment variables: all of them, and changes.

POST /api/update_environment_variables   {"changes": [{"name": "A", "value": "b"}]}   null removes
GET /api/list_environment_variables      {"environmentVariables": {"A": "b"}}
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from syncline.functions import MutationCall, Outcome
from syncline.http.replies import TEXT
from syncline.http.request import Request
from syncline.kernel.errors import OverloadedError
from syncline.kernel.identity import Caller
from syncline.sync import Services

from .answers import Administered, decoded, refusal_of, value_of


class _Change(msgspec.Struct):
    name: str
    value: str | None


class _Changes(msgspec.Struct):
    changes: list[_Change]


class VariableEndpoints:
    def __init__(self, services: Services) -> None:
        self._services = services

    def table(self) -> Iterator[tuple[str, str, Administered]]:
        yield "POST", "/api/update_environment_variables", self._update
        yield "GET", "/api/list_environment_variables", self._list

    def _update(self, request: Request, caller: Caller) -> None:
        changes = {change.name: change.value for change in decoded(request, _Changes).changes}
        args = msgspec.json.encode({"changes": changes})

        def done(outcome: Outcome, ts: int | None) -> None:
            request.guarded(_updated, request, outcome)

        try:
            self._services.engine.mutate(MutationCall("_system/environment:change", args, caller, done))
        except OverloadedError as error:
            raise refusal_of(error) from None

    def _list(self, request: Request, caller: Caller) -> None:
        self._services.live.fetch(
            "_system/environment:list",
            b"{}",
            caller,
            lambda outcome, ts: request.guarded(partial(_listed, request, outcome)),
        )


def _updated(request: Request, outcome: Outcome) -> None:
    value_of(outcome)
    request.respond(200, b"", TEXT)


def _listed(request: Request, outcome: Outcome) -> None:
    request.respond(200, b'{"environmentVariables":%b}' % value_of(outcome))
