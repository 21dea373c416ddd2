"""What calls and queries come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from syncline.values import decode_json

from .errors import ClientError, FunctionError


@dataclass(frozen=True, slots=True)
class Succeeded:
    #: The encoded result.
    value: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The function refused or failed. `data` is encoded; None: there is none."""

    path: str
    message: str
    data: bytes | None

    def error(self) -> FunctionError:
        return FunctionError(self.path, self.message, None if self.data is None else decode_json(self.data))


Answer: TypeAlias = Succeeded | Failed

#: The end of a call: an answer, or why there is none.
Settled: TypeAlias = Succeeded | Failed | ClientError


def failed(path: str, message: str | msgspec.Raw, data: msgspec.Raw) -> Failed:
    """A failure as the server tells it: the result of a call is then the text of its error; no data is empty."""
    text = message if isinstance(message, str) else msgspec.json.decode(message, type=str)
    return Failed(path, text, bytes(data) or None)


def same(one: Answer, other: Answer | None) -> bool:
    """Whether a query shows the same as before. Texts of errors begin with the id of the request, which always differs."""
    if isinstance(one, Failed) and isinstance(other, Failed):
        return one.data == other.data and one.message.partition("]")[2] == other.message.partition("]")[2]
    return one == other
