"""Getting the documents of issuers: discovery and key sets.

In threads, so that neither a slow resolver nor a slow issuer holds up the event loop. The address that was checked is
the one that is connected to: a name cannot point elsewhere a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from syncline.functions.checked_network import checked_network, trusted_authorities
from syncline.identity import Answer, Fetched, FetchFailed
from syncline.kernel.addresses import is_own_machine_or_network, is_public

_THREADS: Final = 4
_SECONDS: Final = 5.0
#: For all of a document; then whoever waits is answered, whatever the thread does.
_SECONDS_IN_ALL: Final = 10.0
_BYTES: Final = 512 * 1024
_CONTENT_TYPES: Final = ("application/json", "application/jwk-set+json", "text/json")
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


class IssuerFetcher:
    """A `Fetch`. Call it on the event loop's thread. With `production` nothing comes over http."""

    def __init__(self, *, production: bool) -> None:
        self._production = production
        self._pool = ThreadPoolExecutor(_THREADS, "syncline-issuers")

    def __call__(self, url: str, configured: bool, done: Callable[[Answer], None], /) -> None:
        loop = asyncio.get_running_loop()
        once = _Once(done)
        timer = loop.call_later(
            _SECONDS_IN_ALL, once, FetchFailed(f"{url} took longer than {_SECONDS_IN_ALL:g} s")
        )
        future = loop.run_in_executor(self._pool, self._get, url, configured)

        def finished(future: asyncio.Future[Answer]) -> None:
            timer.cancel()
            if not future.cancelled():
                once(future.result())

        future.add_done_callback(finished)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    # On a thread of the pool

    def _get(self, url: str, configured: bool) -> Answer:
        # Imported late: an application without outside issuers needs none of it.
        import httpcore

        parts = urlsplit(url)
        if parts.scheme != "https" and (self._production or parts.hostname not in _LOCAL):
            return FetchFailed(f"{url} is not https")
        # Any service's, where the application names it; public ones, where a token does.
        allowed = is_own_machine_or_network if configured else is_public
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _SECONDS)
        try:
            with (
                httpcore.ConnectionPool(
                    ssl_context=trusted_authorities(),
                    network_backend=checked_network(allowed, _ForbiddenAddressError),
                    retries=0,
                ) as pool,
                pool.stream(
                    "GET", url, headers=[("accept", "application/json")], extensions={"timeout": timeouts}
                ) as response,
            ):
                return _read(url, response)
        except _ForbiddenAddressError as error:
            return FetchFailed(f"{url}: {error}")
        except (httpcore.TimeoutException, TimeoutError):
            return FetchFailed(f"{url} did not answer within {_SECONDS:g} s")
        except Exception as error:  # Whatever goes wrong with what others send is their failure to answer.
            return FetchFailed(f"{url} could not be fetched: {type(error).__name__}: {error}")


class _Once:
    """Passes on the first answer only."""

    def __init__(self, done: Callable[[Answer], None]) -> None:
        self._done: Callable[[Answer], None] | None = done

    def __call__(self, answer: Answer) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(answer)


class _ForbiddenAddressError(Exception):
    """The host is at an address that must not be asked."""

    def __init__(self, host: str, _address: str) -> None:
        super().__init__(f"{host} is at an address that is not asked")


def _read(url: str, response: Any) -> Answer:
    if response.status != 200:
        return FetchFailed(f"{url} answered with status {response.status}")
    kind = dict(response.headers).get(b"content-type", b"").decode("latin-1")
    kind = kind.partition(";")[0].strip().lower()
    if kind not in _CONTENT_TYPES:
        return FetchFailed(f"{url} answered with the content type {kind or 'none'}, not JSON")
    end = monotonic() + _SECONDS_IN_ALL
    parts: list[bytes] = []
    size = 0
    for part in response.iter_stream():
        size += len(part)
        if size > _BYTES:
            return FetchFailed(f"{url} answered with more than {_BYTES:,} bytes")
        if monotonic() > end:
            return FetchFailed(f"{url} took longer than {_SECONDS_IN_ALL:g} s")
        parts.append(part)
    return Fetched(b"".join(parts))
