"""Routes and mounts of an application under test."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from syncline.files import FileService
from syncline.functions import ActionCall, Outcome, Release
from syncline.functions.engine import Engine
from syncline.http import FileRecords, Files, Front, Mounts, Routes, RouteTable
from syncline.http.addresses import Addresses
from syncline.identity import Rejected, Verdict, Verified
from syncline.kernel.clock import Clock, SeededEntropy
from syncline.kernel.identity import Identity
from syncline.kernel.limits import Limits
from syncline.kernel.proxies import read_networks
from syncline.sync import LiveQueries, Services


class TestFront:
    """Started with the first request of a test. `tokens` are those of the users that the test has signed in."""

    __test__ = False

    def __init__(
        self,
        release: Release,
        engine: Engine,
        live: LiveQueries,
        clock: Clock,
        limits: Limits,
        files: FileService,
        tell: Callable[[Outcome], None],
    ) -> None:
        def verify(token: str, done: Callable[[Verdict], None], /) -> None:
            identity = self._tokens.get(token)
            done(Rejected("not a user of this test") if identity is None else Verified(identity))

        def report(call: ActionCall, seconds: float, outcome: Outcome) -> None:
            tell(outcome)

        self._tokens: dict[str, Identity] = {}
        services = Services(
            live=live,
            engine=_Telling(engine, tell),
            clock=clock,
            entropy=SeededEntropy(1),
            limits=limits,
            check_admin_key=lambda key: False,
            verify_user=verify,
        )
        routes = Routes(services, lambda: engine.release.registry.admission)
        routes.use(RouteTable(release.routes))
        self._mounts = Mounts(services, engine, lambda: engine.release.registry.admission, report)
        if release.app is not None and release.app.mounts:
            self._mounts.use(Mounts.prepare(release.app), release.app)
        self._records = FileRecords(services, files, engine.release.registry.get)
        # What a test says of the scheme and the client counts, as if it came through a proxy of one's own.
        addresses = Addresses(1, read_networks("127.0.0.0/8"))
        self.app: ASGIApp = Front(Files(self._records), routes, self._mounts, _nothing, addresses)

    def token(self, identity: Identity) -> str:
        """A token that stands for `identity`."""
        token = f"test-{len(self._tokens)}"
        self._tokens[token] = identity
        return token

    def close(self) -> None:
        self._mounts.close()


class _Telling:
    """The engine, telling what routes printed."""

    def __init__(self, engine: Engine, tell: Callable[[Outcome], None]) -> None:
        self.mutate = engine.mutate
        self.cancel = engine.cancel
        self._engine = engine
        self._tell = tell

    def act(self, call: ActionCall) -> None:
        def done(outcome: Outcome) -> None:
            self._tell(outcome)
            call.done(outcome)

        self._engine.act(
            ActionCall(call.path, call.args, call.caller, done, call.request_id, definition=call.definition)
        )


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"9")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"Not Found"})
