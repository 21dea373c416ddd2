"""From an HTTP request to a sync socket."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from syncline.protocol import ClientVersion, ProtocolError, resolve_client
from syncline.sync import Services, Session

from .gateway import Gateway, url_path
from .replies import Refusal
from .websocket import WebSocketConnection

if TYPE_CHECKING:
    from .connection import HttpConnection


class SyncSockets:
    """Turns HTTP connections into sync sockets: `/api/{version}/sync` and `/api/sync`."""

    def __init__(self, gateway: Gateway, services: Services) -> None:
        self._gateway = gateway
        self._services = services

    def upgrade(self, connection: HttpConnection, rest: bytes) -> None:
        """Take over `connection`. Raises Refusal, before anything was written, if it may not become a socket."""
        headers = dict(connection.headers)
        client = _identify(headers, _version_in(url_path(connection.url)))
        if not self._gateway.origins.allows(headers.get(b"origin"), headers.get(b"host")):
            raise Refusal(
                403,
                "OriginNotAllowed",
                "pages of this origin may not connect; the setting `origins` of the server lists those that may",
            )
        key = _handshake_key(headers)
        if self._gateway.draining:
            raise Refusal(503, "ServerRestart", "the server is restarting; connect again", retry_after=1)
        self._gateway.admit_socket(connection)
        connections: set[object] = connection.connections  # type: ignore[assignment]  # uvicorn calls `shutdown` only
        socket = WebSocketConnection(self._gateway, connection.transport, connection.counted)
        session = Session(
            socket, self._services, client, connection.counted, administers=connection.administers
        )
        connection.release()
        socket.start(key, rest, session, connections)


def _version_in(path: bytes) -> str | None:
    parts = path.decode("latin-1").split("/")
    if parts[:2] != ["", "api"] or parts[-1] != "sync" or len(parts) not in (3, 4):
        raise Refusal(404, "NotFound", "sync sockets are at /api/VERSION/sync and at /api/sync")
    return parts[2] if len(parts) == 4 else None


def _identify(headers: dict[bytes, bytes], path_version: str | None) -> ClientVersion | None:
    header = headers.get(b"convex-client")
    try:
        return resolve_client(None if header is None else header.decode("latin-1"), path_version)
    except ProtocolError as error:
        raise Refusal(400, error.code, str(error)) from None


def _handshake_key(headers: dict[bytes, bytes]) -> bytes:
    if headers.get(b"sec-websocket-version") != b"13":
        raise Refusal(400, "BadRequest", "the header Sec-WebSocket-Version must be 13")
    key = headers.get(b"sec-websocket-key", b"")
    try:
        if len(binascii.a2b_base64(key, strict_mode=True)) == 16:
            return key
    except binascii.Error:
        pass
    raise Refusal(400, "BadRequest", "the header Sec-WebSocket-Key must be 16 bytes in base64")
