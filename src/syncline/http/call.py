"""One call over HTTP, and the form of its answer."""

from __future__ import annotations

from dataclasses import dataclass

from syncline.functions import Outcome, Success
from syncline.protocol import ValueFormat, failure_body, success_body

from .request import Request


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it was asked for, ready to run. `args` is one JSON object."""

    request: Request
    path: str
    args: bytes
    format: ValueFormat

    def answer(self, outcome: Outcome) -> None:
        self.request.guarded(self._answer, outcome)

    def _answer(self, outcome: Outcome) -> None:
        self.request.respond(200, outcome_body(outcome, self.format))


def outcome_body(outcome: Outcome, answer_format: ValueFormat) -> bytes:
    """The envelope that HTTP clients get, with the values in the format they want."""
    if isinstance(outcome, Success):
        return success_body(answer_format.render(outcome.value), outcome.log_lines)
    data = None if outcome.data is None else answer_format.render(outcome.data)
    return failure_body(outcome.message, outcome.log_lines, data)
