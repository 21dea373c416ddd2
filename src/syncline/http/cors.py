"""Answers to browsers that ask whether a page of another origin may call a route."""

from __future__ import annotations

from syncline.functions.routes import Cors

Pairs = list[tuple[bytes, bytes]]


def response_headers(cors: Cors | None, origin: bytes | None) -> Pairs:
    """The headers of an answer to a page of `origin`."""
    if cors is None or origin is None or not cors.allows(origin.decode("latin-1")):
        return []
    anybody = cors.origins == "*"
    headers: Pairs = [(b"access-control-allow-origin", b"*" if anybody else origin)]
    if not anybody:
        headers.append((b"vary", b"Origin"))
    if cors.credentials:
        headers.append((b"access-control-allow-credentials", b"true"))
    if cors.expose:
        headers.append((b"access-control-expose-headers", ", ".join(cors.expose).encode("latin-1")))
    return headers


def preflight_headers(
    cors: Cors, origin: bytes | None, methods: list[str], wanted: bytes | None
) -> Pairs | None:
    """The headers that answer a preflight; None for an origin that may not call."""
    headers = response_headers(cors, origin)
    if not headers:
        return None
    allowed = cors.headers
    names = wanted or b"*" if allowed == "*" else _listed(allowed).encode("latin-1")
    return [
        *headers,
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", names),
        (b"access-control-max-age", b"%d" % cors.max_age),
    ]


def _listed(names: str | tuple[str, ...] | list[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)
