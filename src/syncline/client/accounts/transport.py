"""How requests of the administration get to a server, and answers back."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from syncline.client.errors import ConnectionLostError
from syncline.kernel.local_address import unix_path

if TYPE_CHECKING:
    import httpx

PREFIX: Final = "/auth/v1"
#: Seconds before the second try; twice as long before each further one, and never longer than this.
_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `retry_after`: in how many seconds the server wants to be asked again."""

    status: int
    content: bytes
    retry_after: float | None = None


class Transport(Protocol):
    """Sends one request: `path` is below `/auth/v1`, `body` JSON. Raises ConnectionLostError."""

    def send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Reply: ...

    def close(self) -> None: ...


class HttpTransport:
    """To a server. Repeats what is safe to repeat: what was not received or not begun, and reading."""

    def __init__(
        self, url: str, key: str, *, timeout: float, retries: int, ssl_context: ssl.SSLContext | None
    ) -> None:
        import httpx  # Takes a tenth of a second, which others who import the client should not wait.

        self._url = url
        self._retries = retries
        self._closed = threading.Event()
        path = unix_path(url)
        context = ssl_context or True
        self._client = httpx.Client(
            transport=None if path is None else httpx.HTTPTransport(uds=path),
            base_url=f"{'http://localhost' if path else url.rstrip('/')}{PREFIX}",
            headers={"authorization": f"Convex {key}", "accept": "application/json"},
            timeout=timeout,
            verify=context,
            follow_redirects=False,  # Wherever it led, the key would go too.
        )

    def send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Reply:
        wait, tries = _FIRST_WAIT, 0
        while True:
            reply, lost = self._try(method, path, query, body)
            if (
                self._closed.is_set()
                or not (reply is None or _asks_for_more(method, reply))
                or tries >= self._retries
            ):
                break
            tries += 1
            wanted = wait if reply is None or reply.retry_after is None else reply.retry_after
            self._closed.wait(min(wanted, _LONGEST_WAIT))
            wait = min(2 * wait, _LONGEST_WAIT)
        if reply is None:
            raise lost or ConnectionLostError(f"{self._url} did not answer")
        return reply

    def close(self) -> None:
        self._closed.set()
        self._client.close()

    def _try(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None
    ) -> tuple[Reply | None, ConnectionLostError | None]:
        """An answer; or None for what may be tried again, and why. Raises ConnectionLostError for what may not."""
        import httpx

        headers = {} if body is None else {"content-type": "application/json"}
        try:
            answer = self._client.request(method, path, params=dict(query), content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return None, ConnectionLostError(f"{self._url} cannot be reached: {error}")
        except httpx.TransportError as error:
            lost = ConnectionLostError(
                f"{self._url} went away during {method} {PREFIX}{path}: {error or type(error).__name__}"
                + ("" if method == "GET" else "; whether it was done is not known: look")
            )
            if method == "GET":
                return None, lost
            raise lost from None
        return Reply(answer.status_code, answer.content, _seconds(answer)), None


def _asks_for_more(method: str, reply: Reply) -> bool:
    """Whether to send it again: the server says that it has done nothing yet, or there was nothing to do."""
    if method == "GET" and reply.status in (502, 503, 504):
        return True
    return reply.status in (429, 503) and reply.retry_after is not None


def _seconds(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
