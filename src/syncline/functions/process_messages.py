"""What the server and its worker processes say to each other, pickled over a pipe."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncline.files import FilePlace
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits
from syncline.schema import Id
from syncline.system import ScheduledJob


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message to a worker: the code to load, and what ids mean."""

    folder: Path
    tables: Mapping[str, int]
    limits: Limits
    redact: bool
    #: Where files are; None: nowhere.
    files: FilePlace | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """An action to run."""

    path: str
    args: bytes
    caller: Caller
    request_id: str
    seed: bytes
    now_ns: int
    env: Mapping[str, str]
    job: Id[ScheduledJob] | None


@dataclass(frozen=True, slots=True)
class Ask:
    """A worker's action calls a query or mutation."""

    path: str
    args: bytes


@dataclass(frozen=True, slots=True)
class Say:
    """A worker's action says how far it is. Nobody answers."""

    fraction: float
    note: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What that gave: an encoded value, or an error (`packed`)."""

    value: bytes | None
    error: bytes = b""


@dataclass(frozen=True, slots=True)
class Done:
    """The action has ended: with an encoded value, or an error."""

    value: bytes | None
    lines: tuple[str, ...]
    error: bytes = b""
    raised_by_function: bool = True
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """The worker cannot work: the application did not load."""

    text: str


def packed(error: BaseException) -> bytes:
    """An exception as bytes. What cannot travel becomes a RuntimeError with its type and text."""
    state = {name: value for name, value in vars(error).items() if not name.startswith("__")}
    for args, attributes in ((error.args, state), (error.args, {})):
        try:
            made = pickle.dumps((type(error), args, attributes))
            pickle.loads(made)  # noqa: S301 - our own bytes: whether they can be read on the other side
        except Exception:  # noqa: S112 - whatever an exception of the application does when it is pickled
            continue
        return made
    return pickle.dumps((RuntimeError, (f"{type(error).__name__}: {error}",), {}))


def unpacked(raw: bytes) -> BaseException:
    """The exception that was packed. Its class is not called: many take other arguments than they keep."""
    cls, args, state = pickle.loads(raw)  # noqa: S301 - from a process of our own
    error: BaseException = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error
