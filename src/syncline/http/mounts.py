"""Serving mounted applications: FastAPI, Starlette, Flask, Django and others, beside the application's functions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from syncline.functions import (
    ActionCall,
    ActionCtx,
    App,
    Failure,
    Outcome,
    Success,
    SyncActionCtx,
    make_failure,
    new_request_id,
)
from syncline.functions.action_run import ActionHost, ActionRun
from syncline.functions.admission import Admission
from syncline.functions.current import acting
from syncline.functions.logs import encode_lines
from syncline.functions.routes import action_definition
from syncline.kernel.errors import OverloadedError, SynclineError
from syncline.kernel.identity import Caller
from syncline.sync import Services

from .asgi_replies import answer_failure, refusal_of, refuse
from .exchange import Exchange
from .mounted import MountSet
from .replies import Refusal, body_too_large
from .visitors import header_of, visitor_of

_RUN: Final = "syncline.run"
_START_SECONDS: Final = 60.0

Report = Callable[[ActionCall, float, Outcome], None]


class Mounts:
    """The mounts in force. `prepare` starts those of a release, off the server's loop; `use` puts them in force."""

    def __init__(
        self, services: Services, host: ActionHost, admission: Callable[[], Admission], report: Report
    ) -> None:
        self._services = services
        self._host = host
        self._admission = admission
        self._report = report
        self._set = MountSet({})
        self._anonymous: frozenset[str] = frozenset()
        self._running = 0

    @staticmethod
    def prepare(app: App | None) -> MountSet:
        """Start the mounted applications of a release. Blocks. Raises SetupError."""
        made = MountSet({} if app is None else app.mounts)
        made.start(_START_SECONDS)
        return made

    def use(self, mounts: MountSet, app: App | None) -> None:
        """Requests under way stay with the applications before, which end when those are done, or soon after."""
        before, self._set = self._set, mounts
        self._anonymous = frozenset() if app is None else app.anonymous_mounts
        threading.Thread(target=before.close, name="syncline-unmount", daemon=True).start()

    def close(self) -> None:
        self._set.close()

    def __iter__(self) -> Iterator[tuple[str, bool]]:
        """The paths of what is mounted, and whether it is for everybody."""
        return ((path, path in self._anonymous) for path in self._set)

    def find(self, path: str) -> str | None:
        """The mount that a path (decoded) belongs to."""
        return self._set.find(path)

    async def serve(self, mount: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the mounted application."""
        limits = self._services.limits
        try:
            caller = await visitor_of(self._services, scope)
            anonymous = mount in self._anonymous
            self._admission().check(caller, anonymous=anonymous, what=f"what is mounted at {mount or '/'}")
            if self._running >= limits.mount_requests:
                raise OverloadedError(
                    f"mount requests: {self._running:,} run, no more are taken. Try again in a second"
                )
            length = header_of(scope, b"content-length")
            if length is not None and int(length) > limits.mount_body_bytes:
                raise body_too_large(int(length), limits.mount_body_bytes)
        except Refusal as refusal:
            await refuse(send, refusal, close=True)
            return
        except SynclineError as error:
            await refuse(send, refusal_of(error), close=True)
            return
        self._running += 1
        try:
            await self._hand_over(mount, caller, scope, receive, send)
        finally:
            self._running -= 1

    async def _hand_over(
        self, mount: str, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        mounts, services = self._set, self._services
        label = f"{scope['method']} {scope['path']}"[:200]
        run = self._run(label, caller)
        child = {key: value for key, value in scope.items() if key != "extensions"}
        child |= {"root_path": scope.get("root_path", "") + mount, "state": mounts.state(mount), _RUN: run}
        limit = services.limits.mount_body_bytes
        exchange = Exchange(child, receive, send, body_bytes=limit, limit_name="mount_body_bytes")
        began = services.clock.monotonic()
        await exchange.begin()
        pump = asyncio.create_task(exchange.pump(lambda: None))
        error: BaseException | None = None
        try:
            await asyncio.wrap_future(mounts.run(_answer(mounts, mount, exchange, run)))
        except Exception as raised:
            error = raised
        finally:
            exchange.close()
            pump.cancel()
        outcome = self._outcome(run, error if exchange.overflow is None else exchange.overflow)
        self._report(
            ActionCall(label, b"{}", caller, _unheard, run.request_id),
            services.clock.monotonic() - began,
            outcome,
        )
        if isinstance(outcome, Failure) and not exchange.started:
            await answer_failure(send, outcome, redact=services.redact)

    def _run(self, label: str, caller: Caller) -> ActionRun:
        entropy = self._services.entropy
        return ActionRun(
            action_definition(label, is_async=True),
            caller,
            self._host,
            new_request_id(entropy),
            entropy.bytes(16),
        )

    def _outcome(self, run: ActionRun, error: BaseException | None) -> Outcome:
        lines = run.log_lines()
        if error is None:
            return Success(b"null", encode_lines(lines), tuple(lines))
        return make_failure(error, request_id=run.request_id, redact=self._services.redact, lines=lines)


def context(request: HTTPConnection) -> ActionCtx:
    """The context of a request to a mounted ASGI application: `await syncline.context(request).run(...)`."""
    return ActionCtx(_run_of(request.scope))


def sync_context(environ: Mapping[str, Any]) -> SyncActionCtx:
    """The context of a request to a mounted WSGI application, by its environ: `request.environ` in Flask."""
    return SyncActionCtx(_run_of(environ.get("asgi.scope", {})))


def _run_of(scope: Mapping[str, Any]) -> ActionRun:
    run = scope.get(_RUN)
    if not isinstance(run, ActionRun):
        raise RuntimeError(
            "this request did not come through Syncline: mount the application with App(mounts={...}) and let "
            "`syncline dev` or `syncline start` serve it"
        )
    return run


async def _answer(mounts: MountSet, mount: str, exchange: Exchange, run: ActionRun) -> None:
    acting.set(run)  # In the context of this task: what is printed is this request's.
    await mounts.app(mount)(exchange.scope, exchange.receive, exchange.send)


def _unheard(outcome: Outcome) -> None:
    """Nobody waits for the outcome: it is reported."""
