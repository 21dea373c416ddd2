"""Requests to other services: providers that people sign in at, and receivers of webhooks.

On threads of their own, with bounds for time and size. The address that was checked is the one that is connected to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from syncline.functions.checked_network import checked_network, trusted_authorities
from syncline.kernel.addresses import is_own_machine_or_network, is_public

from .core import AccountError

P = ParamSpec("P")
R = TypeVar("R")

_THREADS = 4
_SECONDS = 5.0
_SECONDS_IN_ALL = 15.0
_BYTES = 512 * 1024
_LOCAL = ("localhost", "127.0.0.1", "::1")


class OutgoingError(Exception):
    """The other service did not answer, or not in a way that can be used."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises OutgoingError."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise OutgoingError("the answer is no JSON") from None
        if not isinstance(value, dict):
            raise OutgoingError("the answer is no JSON object")
        return value  # pyright: ignore[reportUnknownVariableType] - any JSON object


def send(
    method: str,
    url: str,
    *,
    production: bool,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    public_only: bool = False,
) -> Answer:
    """One request, without redirects. Blocks. Raises OutgoingError.

    In production nothing goes over http. `public_only`: the address is somebody's word, and must not be in our own network.
    """
    import httpcore

    parts = urlsplit(url)
    local = not production and parts.hostname in _LOCAL
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise OutgoingError(f"{url} is not https")
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _SECONDS)
    allowed = is_public if public_only and not local else is_own_machine_or_network
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=trusted_authorities() if parts.scheme == "https" else None,
                network_backend=checked_network(allowed, _refusal),
                retries=0,
            ) as pool,
            pool.stream(
                method,
                url,
                headers=[
                    ("accept", "application/json"),
                    ("user-agent", "Syncline"),
                    *(headers or {}).items(),
                ],
                content=body,
                extensions={"timeout": timeouts},
            ) as response,
        ):
            return Answer(response.status, _read(response.iter_stream()))
    except OutgoingError:
        raise
    except Exception as error:  # Whatever goes wrong with what others send is their failure to answer.
        raise OutgoingError(f"{parts.hostname} could not be asked: {type(error).__name__}: {error}") from None


class Outgoing:
    """Runs such requests off the event loop."""

    def __init__(self, waiting: int) -> None:
        """`waiting`: how many may wait or run at the same time."""
        self._most = waiting
        self._pool = ThreadPoolExecutor(_THREADS, "syncline-outgoing")
        self._waiting = 0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`work` on a thread of the pool."""
        if self._waiting >= self._most:
            raise AccountError("busy", status=503, retry_after=5)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _read(stream: Iterable[bytes]) -> bytes:
    end, body = monotonic() + _SECONDS_IN_ALL, bytearray()
    for part in stream:
        body += part
        if len(body) > _BYTES or monotonic() > end:
            raise OutgoingError("the answer is too long or too slow")
    return bytes(body)


def _refusal(host: str, _address: str) -> OutgoingError:
    return OutgoingError(f"{host} is at an address that is not asked")
