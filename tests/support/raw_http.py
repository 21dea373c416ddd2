"""HTTP by hand: requests that no library would send, and a reader that forgives nothing."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    #: By name in lower case.
    headers: dict[str, str]
    body: bytes
    #: The body is a stream that goes on.
    streaming: bool = False

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


class RawConnection:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._stream: BinaryIO = self._socket.makefile("rb")

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, data: bytes) -> bool:
        """False if the server has hung up before it had all of it."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def finish(self) -> None:
        """Nothing more is sent."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def read(self, method: bytes = b"GET") -> Answer | None:
        """The next answer, checked byte by byte; None when the server has hung up instead."""
        line = self._line()
        if line is None:
            return None
        version, _, rest = line.partition(b" ")
        status, _, phrase = rest.partition(b" ")
        assert version == b"HTTP/1.1" and len(status) == 3 and status.isdigit() and phrase, line
        headers: dict[str, str] = {}
        while line := self._line():
            name, colon, value = line.partition(b":")
            assert colon and name.isascii() and name == name.strip() and name, line
            assert b"\r" not in value and b"\0" not in value, line
            key = name.decode().lower()
            assert key not in headers or key in ("vary", "set-cookie"), f"{key} is there twice"
            headers[key] = value.strip().decode("latin-1")
        assert line is not None, "the server hung up in the middle of a head"
        code = int(status)
        if code < 200 or code in (204, 304) or method == b"HEAD":
            return Answer(code, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            if headers["content-type"].startswith("text/event-stream"):
                return Answer(code, headers, b"", streaming=True)
            return Answer(code, headers, self._chunks())
        size = int(headers["content-length"])
        body = self._stream.read(size)
        assert len(body) == size, "the server hung up in the middle of a body"
        return Answer(code, headers, body)

    def at_end(self) -> bool:
        """Whether the server hangs up without another byte."""
        try:
            return self._stream.read(1) == b""
        except ConnectionResetError:
            return True

    def _line(self) -> bytes | None:
        try:
            line = self._stream.readline(70_000)
        except ConnectionResetError:
            return None
        if not line:
            return None
        assert line.endswith(b"\r\n"), line
        return line[:-2]

    def _chunk(self) -> bytes:
        line = self._line()
        assert line is not None
        data = self._stream.read(int(line, 16))
        assert self._line() == b""
        return data

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while part := self._chunk():
            parts.append(part)
        return b"".join(parts)
