"""The official npm client in a Node process, and a fault proxy in a thread."""

from __future__ import annotations

import asyncio
import json
import queue
import random
import subprocess
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from support.faultproxy import FaultProxy

_SECONDS = 60


class ClientError(Exception):
    """What the client rejected a call with. `data` is a ConvexError's, if it was one."""

    def __init__(self, message: str, data: object, has_data: bool) -> None:
        super().__init__(message)
        self.data = data
        self.has_data = has_data


class NpmClient:
    """`ConvexClient` and `ConvexHttpClient` of the npm package, unmodified. See tests/js/client.mjs."""

    def __init__(self, folder: Path, url: str) -> None:
        self._process = subprocess.Popen(
            ["node", "client.mjs", url],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._ids = count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, Future[Any]] = {}
        self._events: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.event("ready")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "as" in message:
                self._queue(message["as"]).put(message)
                continue
            answer = self._answers.pop(message["id"])
            if "error" in message:
                answer.set_exception(ClientError(message["error"], message.get("data"), "data" in message))
            else:
                answer.set_result(message["value"])

    def _queue(self, name: str) -> queue.SimpleQueue[dict[str, Any]]:
        with self._lock:
            return self._events.setdefault(name, queue.SimpleQueue())

    def start(self, do: str, **command: object) -> Future[Any]:
        """Begin something; its answer comes later."""
        number = next(self._ids)
        answer: Future[Any] = Future()
        self._answers[number] = answer
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": do, **command}) + "\n")
        self._process.stdin.flush()
        return answer

    def do(self, do: str, **command: object) -> Any:
        return self.start(do, **command).result(_SECONDS)

    def mutation(self, path: str, **args: object) -> Any:
        return self.do("mutation", path=path, args=args)

    def subscribe(self, name: str, path: str, **args: object) -> None:
        """Results come as events of that name."""
        self.do("subscribe", **{"as": name, "path": path, "args": args})

    def event(self, name: str) -> dict[str, Any]:
        """The next event of that name: `value`, or `error` and perhaps `data`."""
        return self._queue(name).get(timeout=_SECONDS)

    def value(self, name: str) -> Any:
        event = self.event(name)
        assert "value" in event, event
        return event["value"]

    def until(self, name: str, wanted: Callable[[Any], bool]) -> list[Any]:
        """The values of a subscription up to the first that is wanted."""
        values = [self.value(name)]
        while not wanted(values[-1]):
            values.append(self.value(name))
        return values

    def has_event(self, name: str) -> bool:
        return not self._queue(name).empty()

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(_SECONDS)
        self._reader.join(_SECONDS)


@contextmanager
def npm_client(folder: Path, url: str) -> Generator[NpmClient, None, None]:
    client = NpmClient(folder, url)
    try:
        yield client
    finally:
        client.close()


class ProxyThread:
    """A fault proxy with an event loop of its own; its methods may be called from the test's thread."""

    def __init__(self, target: int, seed: int) -> None:
        self._started: Future[FaultProxy] = Future()
        self._target = target
        self._seed = seed
        self._cuts = threading.Semaphore(0)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._thread.start()
        self._proxy = self._started.result(_SECONDS)
        self.url = f"http://127.0.0.1:{self._proxy.port}"

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        async with FaultProxy(self._target, random.Random(self._seed)) as proxy:
            proxy.on_cut = self._cuts.release
            self._started.set_result(proxy)
            await self._stopped.wait()

    def wait_for_cuts(self, count: int) -> None:
        """Return when so many more connections have been cut than were waited for before."""
        for _ in range(count):
            assert self._cuts.acquire(timeout=_SECONDS), "nothing connects any more"

    def cut_all(self) -> None:
        self._run(self._proxy.cut_all)

    def cut_within(self, size: int | None) -> None:
        """Cut connections that are made from now on after at most so many bytes."""
        self._run(lambda: setattr(self._proxy, "cut_within", size))

    def heal(self) -> None:
        self._run(self._proxy.heal)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(_SECONDS)

    def _run(self, function: Callable[[], object]) -> None:
        async def call() -> None:
            function()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(_SECONDS)


@contextmanager
def fault_proxy(target: int, seed: int = 0) -> Generator[ProxyThread, None, None]:
    proxy = ProxyThread(target, seed)
    try:
        yield proxy
    finally:
        proxy.close()
