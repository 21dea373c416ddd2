"""The mounted applications of one release, on an event loop of their own."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final, cast

from starlette.types import ASGIApp, Message

from syncline.kernel.errors import SetupError

#: Threads per WSGI application: as many requests as it answers at once.
_WSGI_THREADS: Final = 16
_STOP_SECONDS: Final = 10.0


class MountSet:
    """Started by `start`, which runs the applications' lifespans up to where they serve; ended by `close`."""

    def __init__(self, applications: Mapping[str, Any]) -> None:
        """`applications` by path. Raises SetupError for a WSGI one without a2wsgi."""
        # Longer paths first: /v1/admin is not /v1's.
        paths = sorted(applications, key=len, reverse=True)
        self._apps: dict[str, ASGIApp] = {path: _as_asgi(path, applications[path]) for path in paths}
        self._lives: list[_Lifespan] = []
        self._states: dict[str, dict[str, Any]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, seconds: float) -> None:
        """Blocks until all are ready. Raises SetupError when one refuses to start, or takes longer than `seconds`."""
        if not self._apps:
            return
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, args=(loop,), name="syncline-mounts", daemon=True)
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(self._start_all(), loop)
        try:
            starting.result(seconds)
        except TimeoutError:
            self.close()
            raise SetupError(
                f"a mounted application did not start within {seconds:g} s",
                "look at what its lifespan waits for",
            ) from None
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[str]:
        """The paths of the mounts; the empty one is the root."""
        return iter(self._apps)

    def find(self, path: str) -> str | None:
        """The path of the mount that `path` belongs to."""
        for mount in self._apps:
            if path == mount or path.startswith(mount + "/"):
                return mount
        return None

    def app(self, mount: str) -> ASGIApp:
        return self._apps[mount]

    def state(self, mount: str) -> dict[str, Any]:
        """What the lifespan left for requests."""
        return self._states.get(mount, {}).copy()

    def run(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Run `work` on the applications' loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Let the applications shut down, and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with contextlib.suppress(TimeoutError, RuntimeError):
            asyncio.run_coroutine_threadsafe(self._stop_all(), loop).result(_STOP_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOP_SECONDS)

    def _main(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _start_all(self) -> None:
        for path, app in self._apps.items():
            life = _Lifespan(path, app)
            self._lives.append(life)
            await life.start()
            self._states[path] = life.state

    async def _stop_all(self) -> None:
        for life in reversed(self._lives):
            await life.stop()


class _Lifespan:
    """The lifespan of one application, as ASGI has it."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        self._path = path or "/"
        self._app = app
        self.state: dict[str, Any] = {}
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._task = asyncio.create_task(self._run(scope))
        await self._to_app.put({"type": "lifespan.startup"})
        answer = await self._from_app.get()
        if answer["type"] == "lifespan.startup.failed":
            reason = str(answer.get("message", "")).strip().splitlines()
            raise SetupError(
                f"the application mounted at {self._path} failed to start: {reason[-1] if reason else 'no reason given'}",
                "correct its lifespan, or what it needs",
            )

    async def stop(self) -> None:
        if self._task is None or self._task.done():
            return
        await self._to_app.put({"type": "lifespan.shutdown"})
        await asyncio.wait((self._task,), timeout=_STOP_SECONDS)
        self._task.cancel()

    async def _run(self, scope: dict[str, Any]) -> None:
        # An application that knows no lifespan raises: it is ready as it is. One that has failed has said so.
        with contextlib.suppress(Exception):
            await self._app(scope, self._to_app.get, self._from_app.put)
        await self._from_app.put({"type": "syncline.ended"})


def _as_asgi(path: str, application: Any) -> ASGIApp:
    if not _is_wsgi(application):
        return cast("ASGIApp", application)
    try:
        from a2wsgi import WSGIMiddleware
    except ImportError:
        raise SetupError(
            f"App(mounts={{{path!r}: ...}}) is a WSGI application, which needs the package a2wsgi",
            'pip install "syncline[wsgi]"',
        ) from None
    return cast("ASGIApp", WSGIMiddleware(application, workers=_WSGI_THREADS))


def _is_wsgi(application: Any) -> bool:
    """Whether it is called with an environment and a function, and not with scope, receive and send."""
    call = application if inspect.isroutine(application) else application.__call__
    if inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(call):
        return False
    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [
        each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    return len([each for each in positional if each.default is each.empty]) == 2
