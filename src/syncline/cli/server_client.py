"""A small HTTP client of a running server: standard library; with the admin key, or a user's token."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from syncline.kernel.errors import SetupError
from syncline.kernel.local_address import unix_path

_CALL_SECONDS = 660.0  # an action may take ten minutes
_WATCH_SECONDS = 60.0  # a watch stream says something at least every ten seconds


class Unreachable(Exception):
    """Nobody answers at the address."""


class Refused(SetupError):
    """The server refuses the request. `status`: 401 if it is the token that it does not take."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function gave: values are plain JSON."""

    value: bytes
    log_lines: list[str]
    error_message: str | None
    error_data: bytes | None


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event of a watch stream."""

    kind: str
    id: str
    data: bytes


class _Envelope(msgspec.Struct, rename="camel"):
    status: str
    value: msgspec.Raw = msgspec.Raw(b"null")
    log_lines: list[str] = []
    error_message: str = ""
    error_data: msgspec.Raw = msgspec.Raw(b"")


class _Refusal(msgspec.Struct):
    code: str
    message: str


class _LocalConnection(HTTPConnection):
    """Over a socket in the file system."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class ServerClient:
    """One server, at `http://...` or `unix:/path`. `identity` is a user's attributes (JSON) to act as."""

    def __init__(
        self, url: str, key: str, identity: bytes | None = None, *, token: str | None = None
    ) -> None:
        self._socket = unix_path(url)
        address = urlsplit("http://localhost" if self._socket else url)
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port
        self._secure = address.scheme == "https"
        self._is_admin = token is None
        acting = "" if identity is None else ":" + base64.b64encode(identity).decode()
        self._headers = {"Authorization": f"Convex {key}{acting}" if token is None else f"Bearer {token}"}

    @classmethod
    def of_user(cls, url: str, token: str) -> ServerClient:
        """The same for a user, who may call public functions."""
        return cls(url, "", token=token)

    def call(self, path: str, args: bytes) -> Answer:
        """Call a function. Raises Unreachable; Refused if the server refuses the request; SetupError."""
        if self._is_admin:
            target = "/api/function"
            body = b'{"path":%b,"args":%b,"format":"json"}' % (msgspec.json.encode(path), args)
        else:
            target = f"/api/run/{quote(path.replace(':', '/'), safe='/')}"
            body = b'{"args":%b,"format":"json"}' % args
        response = self._request("POST", target, body, {"Content-Type": "application/json"}, _CALL_SECONDS)
        try:
            raw = response.read()
        except (OSError, HTTPException) as error:
            raise SetupError(
                f"the server went away while {path} ran: {error}", "whether it took effect is not known; look"
            ) from None
        if response.status != 200:
            raise _refused(response.status, raw)
        envelope = msgspec.json.decode(raw, type=_Envelope)
        failed = envelope.status != "success"
        return Answer(
            bytes(envelope.value),
            envelope.log_lines,
            envelope.error_message if failed else None,
            bytes(envelope.error_data) or None,
        )

    def watch(self, path: str, args: bytes, last_id: str) -> Iterator[StreamEvent]:
        """The events of a watch stream, until it ends. Raises Unreachable; SetupError as `call`."""
        target = f"/api/watch/{quote(path, safe='/:')}?{urlencode({'args': args.decode()})}"
        headers = {"Last-Event-ID": last_id} if last_id else {}
        response = self._request("GET", target, None, headers, _WATCH_SECONDS)
        if response.status != 200:
            raise _refused(response.status, response.read())
        kind, event_id = "message", last_id
        try:
            for line in response:
                name, _, value = line.rstrip(b"\r\n").partition(b": ")
                if name == b"event":
                    kind = value.decode()
                elif name == b"id":
                    event_id = value.decode()
                elif name == b"data":
                    yield StreamEvent(kind, event_id, value)
                    kind = "message"
        except (OSError, HTTPException) as error:
            raise Unreachable(str(error)) from None

    def get(self, target: str) -> bytes:
        """The body at a path. Raises Unreachable; SetupError as `call`."""
        response = self._request("GET", target, None, {}, _WATCH_SECONDS + 30)
        try:
            body = response.read()
        except (OSError, HTTPException) as error:
            raise Unreachable(str(error)) from None
        if response.status != 200:
            raise _refused(response.status, body)
        return body

    def post(self, target: str, body: bytes, content_type: str = "application/json") -> bytes:
        """The answer's body. Raises Unreachable; SetupError as `call`."""
        response = self._request("POST", target, body, {"Content-Type": content_type}, _CALL_SECONDS)
        try:
            answer = response.read()
        except (OSError, HTTPException) as error:
            raise Unreachable(str(error)) from None
        if response.status != 200:
            raise _refused(response.status, answer)
        return answer

    def _request(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> HTTPResponse:
        connection: HTTPConnection
        if self._socket is not None:
            connection = _LocalConnection(self._socket, seconds)
        else:
            kind = HTTPSConnection if self._secure else HTTPConnection
            connection = kind(self._host, self._port, timeout=seconds)
        try:
            connection.request(method, target, body, {**self._headers, **headers})
            return connection.getresponse()
        except (OSError, HTTPException) as error:
            raise Unreachable(str(error)) from None


def _refused(status: int, raw: bytes) -> Refused:
    try:
        refusal = msgspec.json.decode(raw, type=_Refusal)
        return Refused(f"the server refused the call: {refusal.message} ({refusal.code})", status)
    except msgspec.DecodeError:
        return Refused(f"the server answered with status {status}", status)
