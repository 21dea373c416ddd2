"""What all connections of a server share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from uvicorn.server import ServerState

from syncline.kernel.clock import Clock
from syncline.kernel.limits import Limits
from syncline.kernel.proxies import Network

from .addresses import Addresses
from .origins import Origins
from .replies import Refusal, status_line, too_many_connections
from .request import Endpoint, Request
from .wheel import Wheel

if TYPE_CHECKING:
    from .connection import HttpConnection

#: In the scope of a request to an application: whether administration is answered where it came in.
ADMINISTERS: Final = "syncline.administers"


class Gateway:
    """The table of hot endpoints, limits, counts of connections, and the wheel."""

    def __init__(
        self, limits: Limits, clock: Clock, origins: Origins | None = None, proxies: Sequence[Network] = ()
    ) -> None:
        """`proxies`: the networks of those whose word counts about where a request came from."""
        self.limits = limits
        self.origins = origins or Origins()
        self.wheel = Wheel(clock)
        #: No new requests on a connection after the one at hand; /readyz says no.
        self.draining = False
        #: How many WebSockets are open.
        self.sockets = 0
        self._exact: dict[tuple[bytes, bytes], Endpoint] = {}
        self._paths: dict[bytes, dict[bytes, Endpoint]] = {}
        self._prefixes: dict[bytes, dict[bytes, Endpoint]] = {}
        self._any: dict[bytes, Endpoint] = {}
        #: Paths that are for administrators only.
        self._administration: set[bytes] = set()
        #: Where preflights are left to whoever answers the requests behind them.
        self._left: tuple[bytes, ...] = ()
        #: Whether the application itself answers at a path (decoded), preflights included.
        self.claims: Callable[[str], bool] = _claims_nothing
        self._upgrade: Callable[[HttpConnection, bytes], None] | None = None
        self._defaults: list[tuple[bytes, bytes]] | None = None
        self._heads: dict[tuple[int, bytes], bytes] = {}
        self.addresses = Addresses(limits.connections_per_address, proxies)

    def add(self, method: str, path: str, endpoint: Endpoint, *, administration: bool = False) -> None:
        """A path that ends in `/` takes everything below it, the path `*` everything. GET includes HEAD.

        Of two paths that take a URL the longer one counts; the method `*` is any. `administration`: the path, which is
        a whole one, is for those with an admin key only.
        """
        if administration:
            self._administration.add(path.encode())
        verbs = [b"GET", b"HEAD"] if method == "GET" else [method.encode()]
        for verb in verbs:
            if path == "*":
                self._any[verb] = endpoint
            elif path.endswith("/"):
                self._prefixes.setdefault(path.encode(), {})[verb] = endpoint
            else:
                self._paths.setdefault(path.encode(), {})[verb] = endpoint
                self._exact[verb, path.encode()] = endpoint
        self._prefixes = dict(sorted(self._prefixes.items(), key=lambda item: -len(item[0])))

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and path of everything that was added."""
        tables = [*self._paths.items(), *self._prefixes.items()]
        named = [(verb.decode(), path.decode()) for path, methods in tables for verb in methods]
        return [*named, *((verb.decode(), "*") for verb in self._any)]

    def leave(self, prefix: str) -> None:
        """What is below `prefix` (it ends in `/`) is for the ASGI application."""
        self._prefixes[prefix.encode()] = {}
        self._prefixes = dict(sorted(self._prefixes.items(), key=lambda item: -len(item[0])))

    def leave_preflights(self, prefix: str) -> None:
        """What is below `prefix` says itself which pages may use it: its preflights are not answered here."""
        self._left = (*self._left, prefix.encode())

    def set_upgrade(self, upgrade: Callable[[HttpConnection, bytes], None]) -> None:
        """`upgrade(connection, rest)` takes over a WebSocket; `rest` is what followed the head. May raise Refusal."""
        self._upgrade = upgrade

    def find(self, method: bytes, url: bytes) -> Endpoint | None:
        endpoint = self._exact.get((method, url))
        if endpoint is not None:
            return endpoint
        path = url_path(url)
        endpoint = self._any.get(method)
        if endpoint is not None:
            claimed = path.startswith(self._left) or self.claims(decoded_path(url))
            return None if claimed else endpoint
        methods = self._paths.get(path)
        if methods is None:
            methods = next(
                (found for prefix, found in self._prefixes.items() if path.startswith(prefix)), None
            )
        if not methods:
            return None
        return methods.get(method) or methods.get(b"*") or _refuse_method(methods)

    def find_public(self, method: bytes, url: bytes) -> Endpoint | None:
        """The same where administration is answered elsewhere: its paths are like those that do not exist."""
        path = url_path(url)
        if path not in self._administration:
            return self.find(method, url)
        return self.find(method, b"/api/-" if path.startswith(b"/api/") else b"/-")

    @property
    def administration(self) -> frozenset[str]:
        """The paths that `find_public` does not find."""
        return frozenset(path.decode() for path in self._administration)

    def upgrade(self, connection: HttpConnection, rest: bytes) -> None:
        if self._upgrade is None:
            raise Refusal(404, "NotFound", "no WebSocket is served here")
        self._upgrade(connection, rest)

    def head(self, status: int, content_type: bytes, state: ServerState) -> bytes:
        """Status line and common headers; made anew once a second, when uvicorn changes the date."""
        if self._defaults is not state.default_headers:
            self._defaults = state.default_headers
            self._heads.clear()
        key = (status, content_type)
        head = self._heads.get(key)
        if head is None:
            common = b"".join(b"%b: %b\r\n" % pair for pair in state.default_headers)
            head = b"%b%bcontent-type: %b\r\n" % (status_line(status), common, content_type)
            self._heads[key] = head
        return head

    def admit(self, connection: HttpConnection) -> bool:
        """Count a new connection; False when there are too many, in all or from its address."""
        if len(connection.connections) > self.limits.connections:
            return False
        subscriber = self.addresses.limited(connection.peer)
        if subscriber is not None:
            if not self.addresses.enter(subscriber):
                return False
            connection.counted = subscriber
        return True

    def admit_socket(self, connection: HttpConnection) -> None:
        """Count a connection of a proxy that becomes a socket, for the client behind. Raises Refusal."""
        if connection.counted is not None:
            return
        subscriber = self.addresses.limited(connection.client_address(connection.headers))
        if subscriber is not None:
            if not self.addresses.enter(subscriber):
                raise too_many_connections()
            connection.counted = subscriber


def url_path(url: bytes) -> bytes:
    """The path of a request target, without the query and without the doubled slash that a base URL may leave."""
    path = url.partition(b"?")[0]
    return path[1:] if path.startswith(b"//") else path


def _claims_nothing(path: str) -> bool:
    return False


def decoded_path(url: bytes) -> str:
    """The path as applications see it."""
    return unquote(url_path(url).decode("latin-1"))


def _refuse_method(methods: Iterable[bytes]) -> Endpoint:
    allowed = b", ".join(methods).decode()

    def refuse(request: Request) -> None:
        raise Refusal(405, "MethodNotAllowed", f"this endpoint takes {allowed}", allow=allowed)

    return refuse
