"""Where the keys of an issuer come from: this process, the application's code, or the network.

A source answers at once when it knows, which is nearly always. Keys from the network are kept: for ten minutes without
asking, for a day if the issuer cannot be reached. A key that is not known may be new, so the set is fetched again, but
however many unknown keys are named, at most twice a minute.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias, cast

import msgspec

from syncline.kernel.clock import Clock

from .fetching import Answer, Fetch, FetchFailed
from .key_sets import KeySet, KeySetError, PublicKey, shown_key_id
from .verdicts import Rejected, Unavailable

log = logging.getLogger("syncline.identity")

#: A key, or why there is none.
Found: TypeAlias = PublicKey | Rejected | Unavailable

FRESH_SECONDS: Final = 600.0
KEPT_SECONDS: Final = 24 * 3600.0
#: Between two fetches for keys that are not known, and after one that failed.
PAUSE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 3.0
_DISCOVERED_SECONDS: Final = 3600.0
_MOST_WAITING: Final = 10_000
_MOST_MISSING: Final = 1_000


class KeySource(Protocol):
    """Finds the key of an issuer with which a signature is to be verified."""

    def find(self, key_id: str | None, algorithm: str, done: Callable[[Found], None], /) -> None:
        """`done` is called once, at once if possible, else later on the same thread."""
        ...


class LocalKeys:
    """Keys that are known here: of the issuer in this process, or written into the application.

    For the built-in issuer: `keys` is replaced when a signing key is made or withdrawn; tokens that were verified
    before are remembered, so withdraw them with `Verifier.forget(issuer)` too.
    """

    def __init__(self, keys: KeySet) -> None:
        self.keys = keys

    def find(self, key_id: str | None, algorithm: str, done: Callable[[Found], None], /) -> None:
        done(self.keys.find(key_id, algorithm) or _unknown(key_id))


class RemoteKeys:
    """Keys that an issuer publishes: at `url`, or where its discovery document says."""

    def __init__(self, issuer: str, url: str | None, fetch: Fetch, clock: Clock) -> None:
        self._issuer = issuer
        self._configured_url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._url = url
        self._discovered = 0.0
        #: A fetch is under way. At most one is.
        self._fetching = False
        self._last_failure: tuple[float, str] | None = None
        self._waiting: list[tuple[str | None, str, Callable[[Found], None]]] = []
        #: Keys that the set did not hold when it was last fetched.
        self._missing: OrderedDict[str | None, None] = OrderedDict()

    def find(self, key_id: str | None, algorithm: str, done: Callable[[Found], None], /) -> None:
        now = self._clock.monotonic()
        age = now - self._fetched
        found = None if self._keys is None or age > KEPT_SECONDS else self._keys.find(key_id, algorithm)
        if found is not None:
            if age > FRESH_SECONDS and not self._failed_within(RETRY_SECONDS, now):
                self._start()
            done(found)
        elif self._keys is not None and key_id in self._missing and age < PAUSE_SECONDS:
            done(_unknown(key_id))
        elif self._fetching or self._may_fetch(now):
            self._wait(key_id, algorithm, done)
        else:
            # It may be a new key, of a token that is right: whoever brings it shall keep it and come back.
            done(Unavailable(self._why()))

    def _may_fetch(self, now: float) -> bool:
        if self._failed_within(RETRY_SECONDS, now):
            return False
        return self._keys is None or now - self._fetched >= PAUSE_SECONDS

    def _failed_within(self, seconds: float, now: float) -> bool:
        return self._last_failure is not None and now - self._last_failure[0] < seconds

    def _why(self) -> str:
        if self._last_failure is None:
            return f"the keys of {self._issuer} were fetched a moment ago and do not hold the token's key"
        return f"the keys of {self._issuer} cannot be fetched: {self._last_failure[1]}"

    def _wait(self, key_id: str | None, algorithm: str, done: Callable[[Found], None]) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            done(Unavailable(f"too many wait for the keys of {self._issuer}"))
            return
        self._waiting.append((key_id, algorithm, done))
        self._start()

    # Fetching

    def _start(self) -> None:
        if self._fetching:
            return
        self._fetching = True
        if self._configured_url is None and (
            self._url is None or self._clock.monotonic() - self._discovered > _DISCOVERED_SECONDS
        ):
            self._fetch(f"{self._issuer}/.well-known/openid-configuration", True, self._on_discovery)
        else:
            self._fetch_keys()

    def _fetch_keys(self) -> None:
        assert self._url is not None
        # Discovery may name any host; what is on the issuer's own is as good as written by the application's author.
        configured = self._configured_url is not None or _host(self._url) == _host(self._issuer)
        self._fetch(self._url, configured, self._on_keys)

    def _on_discovery(self, answer: Answer) -> None:
        if isinstance(answer, FetchFailed):
            self._failed(answer.message)
            return
        try:
            document = _json_object(answer.body)
        except ValueError as error:
            self._failed(f"its discovery document {error}")
            return
        issuer, url = document.get("issuer"), document.get("jwks_uri")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self._issuer:
            self._failed("its discovery document is of another issuer")
        elif not isinstance(url, str) or not url.startswith(("https://", "http://")):
            self._failed("its discovery document has no jwks_uri")
        elif url.startswith("http://") and not self._issuer.startswith("http://"):
            self._failed("its discovery document has a jwks_uri without https")
        else:
            self._url = url
            self._discovered = self._clock.monotonic()
            self._fetch_keys()

    def _on_keys(self, answer: Answer) -> None:
        if isinstance(answer, FetchFailed):
            self._url = self._configured_url  # It may have moved: discover again.
            self._failed(answer.message)
            return
        try:
            keys = KeySet.load(_json_object(answer.body))
        except (ValueError, KeySetError) as error:
            self._failed(f"its key set cannot be used: {error}")
            return
        if not len(keys):
            self._failed("its key set holds no key for signatures that can be used here")
            return
        self._keys = keys
        self._fetched = self._clock.monotonic()
        self._last_failure = None
        self._missing.clear()
        self._answer_all()

    def _failed(self, message: str) -> None:
        self._last_failure = (self._clock.monotonic(), message)
        log.warning("the keys of %s cannot be fetched: %s", self._issuer, message)
        self._answer_all()

    def _answer_all(self) -> None:
        self._fetching = False
        waiting, self._waiting = self._waiting, []
        for key_id, algorithm, done in waiting:
            done(self._found(key_id, algorithm))

    def _found(self, key_id: str | None, algorithm: str) -> Found:
        if self._last_failure is not None or self._keys is None:
            return Unavailable(self._why())
        found = self._keys.find(key_id, algorithm)
        if found is not None:
            return found
        self._missing[key_id] = None
        if len(self._missing) > _MOST_MISSING:
            self._missing.popitem(last=False)
        return _unknown(key_id)


def _unknown(key_id: str | None) -> Rejected:
    return Rejected(f"Could not validate token: its issuer has no such key ({shown_key_id(key_id)})")


def _json_object(body: bytes) -> dict[str, Any]:
    """Raises ValueError with a text that fits behind a subject."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("is not a JSON object")
    return cast("dict[str, Any]", found)


def _host(url: str) -> str:
    """Scheme, host and port."""
    return "/".join(url.split("/", 3)[:3])
