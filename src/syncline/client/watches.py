"""A query that is watched: what the client knows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET

from syncline.protocol import Add

from .errors import ClientError
from .messages import QueryFailed, QueryUpdated
from .outcomes import Answer, Succeeded, failed, same

#: "connecting": nothing was ever shown. "stale": what is shown may be old. "live": it is what the server knows.
State: TypeAlias = Literal["connecting", "live", "stale"]


@dataclass(slots=True, eq=False)
class Watch:
    """A query that is watched. `changed` is called when any of the public fields has changed."""

    query_id: int
    path: str
    args: bytes
    changed: Callable[[], None]
    answer: Answer | None = None
    state: State = "connecting"
    #: Why nothing is to be expected until somebody does something about it.
    error: ClientError | None = None
    journal: str | None = None
    #: The version of the query set, on the open socket, that contains it first.
    since: int = 0

    def add(self) -> Add:
        return Add(self.query_id, self.path, msgspec.Raw(b"[%b]" % self.args), self.journal)

    def apply(self, modification: QueryUpdated | QueryFailed) -> bool:
        """Take the new answer; whether it is another one."""
        if modification.journal is not UNSET:
            self.journal = modification.journal
        answer: Answer
        if isinstance(modification, QueryUpdated):
            answer = Succeeded(bytes(modification.value))
        else:
            answer = failed(self.path, modification.error_message, modification.error_data)
        if same(answer, self.answer):
            return False
        self.answer = answer
        return True
