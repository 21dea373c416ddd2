"""`GET /metrics`: figures for Prometheus and whatever else reads its text form (version 0.0.4). Admin keys only.

Labels are few and bounded: names of functions, never users, arguments or addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from syncline.kernel.durations import BOUNDS
from syncline.kernel.identity import Caller

from .callers import Callers
from .gateway import Gateway
from .request import Request

_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Sample(NamedTuple):
    """One figure. `suffix` is what its name has behind the family's."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(NamedTuple):
    """Figures of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[Sample]


#: Makes all figures and hands them on, now or later. On the event loop's thread.
Collect = Callable[[Callable[[list[Family]], None]], None]


def single(name: str, kind: Literal["counter", "gauge"], help: str, value: float) -> Family:
    """A family of one figure."""
    return Family(name, kind, help, [Sample(value)])


def histogram(counts: Sequence[int], seconds: float, labels: Mapping[str, str] = {}) -> Iterator[Sample]:
    """The figures of durations that were counted in the classes of `syncline.kernel.durations`."""
    total = 0
    for bound, count in zip([*map(repr, BOUNDS), "+Inf"], counts, strict=True):
        total += count
        yield Sample(total, {**labels, "le": bound}, "_bucket")
    yield Sample(seconds, labels, "_sum")
    yield Sample(total, labels, "_count")


def render(families: Iterable[Family]) -> bytes:
    """The text form."""
    lines: list[str] = []
    for name, kind, help, samples in families:
        lines += (f"# HELP {name} {help}", f"# TYPE {name} {kind}")
        for value, labels, suffix in samples:
            text = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
            lines.append(f"{name}{suffix}{{{text}}} {value!r}" if text else f"{name}{suffix} {value!r}")
    return "\n".join([*lines, ""]).encode()


class MetricsEndpoint:
    """Registers itself."""

    def __init__(self, collect: Collect, callers: Callers, gateway: Gateway) -> None:
        self._collect = collect
        self._callers = callers
        self._gateway = gateway
        gateway.add("GET", "/metrics", self._get, administration=True)

    def _get(self, request: Request) -> None:
        def answer(caller: Caller) -> None:
            self._callers.require_admin(caller, reading=True)
            self._collect(lambda families: request.guarded(self._answer, request, families))

        self._callers.resolve(request, answer)

    def _answer(self, request: Request, families: list[Family]) -> None:
        sockets = self._gateway.sockets
        others = len(request.connection.connections) - sockets
        connections = [Sample(sockets, {"kind": "websocket"}), Sample(others, {"kind": "http"})]
        family = Family("syncline_connections", "gauge", "Open connections.", connections)
        request.respond(200, render([family, *families]), _TYPE)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
