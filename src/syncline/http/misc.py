"""Small endpoints: health, version, preflights, and answers for what clients ask that has no place here."""

from __future__ import annotations

from collections.abc import Callable

from .gateway import Gateway
from .replies import JSON, TEXT, Refusal, preflight_headers
from .request import Endpoint, Request


def register_misc(
    gateway: Gateway, *, instance_name: str, version: str, ready: Callable[[], str | None], keys: bytes
) -> None:
    """`ready` says why this server should get no traffic, or None; `keys` verify what functions sign."""
    gateway.add("GET", "/.well-known/jwks.json", _keys(keys))
    gateway.add("GET", "/version", _text(version))
    gateway.add("GET", "/instance_name", _text(instance_name))
    gateway.add("GET", "/instance_version", _text(version))
    gateway.add("GET", "/healthz", _text("ok"))
    gateway.add("GET", "/readyz", _ready(ready))
    gateway.add("POST", "/echo", _echo)
    gateway.add("POST", "/api/debug_event", _accept)
    gateway.add("OPTIONS", "*", _preflight)
    gateway.add("*", "/api/", _not_found)


def _text(text: str) -> Endpoint:
    body = text.encode()
    return lambda request: request.respond(200, body, TEXT)


def _keys(keys: bytes) -> Endpoint:
    return lambda request: request.respond(200, keys, JSON, b"cache-control: public, max-age=300\r\n")


def _ready(reason: Callable[[], str | None]) -> Endpoint:
    def answer(request: Request) -> None:
        problem = reason()
        if problem is None:
            request.respond(200, b"ready", TEXT)
        else:
            request.respond(503, problem.encode(), TEXT, b"retry-after: 1\r\n")

    return answer


def _echo(request: Request) -> None:
    request.respond(200, request.content, request.headers.get(b"content-type", TEXT))


def _accept(request: Request) -> None:
    request.respond(200, b"", TEXT)


def _preflight(request: Request) -> None:
    wanted = request.headers.get(b"access-control-request-headers")
    request.respond(200, b"", TEXT, preflight_headers(wanted))


def _not_found(request: Request) -> None:
    raise Refusal(404, "NotFound", f"there is no endpoint {request.url.partition(b'?')[0].decode('latin-1')}")
