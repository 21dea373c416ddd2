"""A client of the sync protocol for tests: as stubborn as the official npm client, and more suspicious.

It reconnects when its socket is gone, subscribes again, and sends again what was not answered. It believes nothing:
whatever contradicts the protocol goes into `violations`. R1: transitions chain, and timestamps never go back, not
even across sockets and restarts of the server. R3: the transition behind a response shows its write. R6: a request
that is answered twice is answered the same.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from syncline.values import decode_ts, encode_ts

from .sync_messages import (
    Answer,
    FunctionError,
    Json,
    LostError,
    Request,
    Shown,
    Watched,
    authenticate_message,
    connect_message,
    modify_message,
    request_message,
)

#: Seconds without a message after which the socket is given up, and between tries to connect.
_PATIENCE = 30.0
_PAUSE = 0.05

_VERSION_ZERO = {"querySet": 0, "identity": 0, "ts": encode_ts(0)}


class SyncClient:
    """Create it, `start` it, and `close` it in the end. `on_shown` is called after every transition."""

    def __init__(
        self,
        name: str,
        port: int,
        *,
        acting_as: Json | None = None,
        admin_key: str = "",
        on_shown: Callable[[Shown], None] = lambda shown: None,
        chance: random.Random | None = None,
    ) -> None:
        self.name = name
        self.violations: list[str] = []
        self.queries: dict[int, Watched] = {}
        #: Responses, after each of which the socket is torn off, before its transition is looked at.
        self.tear_after_responses = 0
        self.connections = 0
        self.transitions = 0
        self.replies_to_replays = 0
        self._url = f"ws://127.0.0.1:{port}/api/1.48.0/sync"
        self._identity = None if acting_as is None else (admin_key, acting_as)
        self._on_shown = on_shown
        self._chance = chance or random.Random(0)
        self._session = str(uuid.uuid4())
        self._requests: dict[int, Request] = {}
        #: The first response to each mutation.
        self._answers: dict[int, Json] = {}
        self._effectless: set[int] = set()
        self._next_query = 0
        self._next_request = 0
        self._max_observed = 0
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._reset()

    def _reset(self) -> None:
        """Everything that belongs to one socket."""
        self._version = _VERSION_ZERO
        self._query_set = 0
        self._asked: dict[int, float] = {}
        #: What the next transition must reach. None: none is owed, as no response has come since the last one.
        self._owed: int | None = None
        for query in self.queries.values():
            query.shown = None

    # What a test does with it

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    async def close(self) -> None:
        """End it. What it waits for is lost."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def subscribe(self, path: str, **args: Any) -> int:
        number = self._next_query
        self._next_query += 1
        self.queries[number] = query = Watched(path, args)
        self._modify([query.add(number)])
        return number

    def unsubscribe(self, number: int) -> None:
        del self.queries[number]
        self._modify([{"type": "Remove", "queryId": number}])

    async def mutation(self, path: str, *, effect: bool = True, **args: Any) -> Answer:
        """Raises FunctionError, or LostError when the client is closed before it knows.

        What has no `effect` may be carried out again, and find something else, as long as nothing came behind it.
        """
        if not effect:
            self._effectless.add(self._next_request)
        return await self._request("Mutation", path, args)

    async def action(self, path: str, **args: Any) -> Answer:
        """Raises FunctionError, or LostError when the connection is lost."""
        return await self._request("Action", path, args)

    def tear(self) -> None:
        """Drop the socket without a word."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def send_again_elsewhere(self) -> None:
        """Send all open mutations over a second socket of the same session, as if this one had been given up.

        The answers there are not waited for: that both arrive, in whatever order, is the point.
        """
        open_mutations = [each.message for each in self._requests.values() if each.kind == "Mutation"]
        with suppress(OSError, WebSocketException, TimeoutError):
            async with connect(self._url, ping_interval=None, close_timeout=0.5, max_size=None) as other:
                await other.send(self._hello())
                for message in [*self._authenticate(), *open_mutations]:
                    await other.send(message)
                # The server works through them in order: this one is answered behind all others.
                await other.send(modify_message(0, 1, []))
                async with asyncio.timeout(1):
                    await other.recv()

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for is answered and confirmed, and everything watched is shown."""
        shown = all(query.shown is not None for query in self.queries.values())
        confirmed = self._owed is None and self._version["querySet"] == self._query_set
        return shown and confirmed and not self._requests

    # Sending

    async def _request(self, kind: str, path: str, args: Json) -> Answer:
        number = self._next_request
        self._next_request += 1
        message = request_message(kind, number, path, args)
        loop = asyncio.get_running_loop()
        request = Request(kind, message, loop.time(), loop.create_future())
        self._requests[number] = request
        self._send_request(request)
        return await request.future

    def _send_request(self, request: Request) -> None:
        if self._socket is not None and not self._socket.transport.is_closing():
            request.socket = self.connections
            self._write(request.message)

    def _modify(self, modifications: list[Json]) -> None:
        if self._socket is None:
            return
        base, self._query_set = self._query_set, self._query_set + 1
        for each in modifications:
            if each["type"] == "Add":
                self.queries[each["queryId"]].since = self._query_set
                self._asked[self._query_set] = asyncio.get_running_loop().time()
        self._write(modify_message(base, self._query_set, modifications))

    def _hello(self) -> str:
        return connect_message(self._session, self.connections - 1, self._max_observed)

    def _authenticate(self) -> list[str]:
        return [] if self._identity is None else [authenticate_message(*self._identity)]

    def _write(self, message: str) -> None:
        # `websockets` writes a frame before it waits for anything, so messages keep their order.
        assert self._socket is not None
        task = asyncio.create_task(self._socket.send(message))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    # Connecting

    async def _run(self) -> None:
        while True:
            with suppress(OSError, WebSocketException, InvalidHandshake, TimeoutError):
                async with connect(
                    self._url, ping_interval=None, open_timeout=5, close_timeout=0.5, max_size=None
                ) as socket:
                    try:
                        self._opened(socket)
                        while True:
                            async with asyncio.timeout(_PATIENCE):
                                message = await socket.recv()
                            self._take(json.loads(message))
                    finally:
                        self._socket = None
            self._lost()
            await asyncio.sleep(self._chance.random() * _PAUSE)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._complain(f"it broke: {error!r}")
        for number in list(self._requests):
            self._fail(number, LostError("the client ended"))

    def _opened(self, socket: ClientConnection) -> None:
        self.connections += 1
        self._socket = socket
        self._reset()
        self._write(self._hello())
        for message in self._authenticate():
            self._write(message)
        self._modify([query.add(number) for number, query in self.queries.items()])
        for request in self._requests.values():
            self._send_request(request)

    def _lost(self) -> None:
        for number, request in list(self._requests.items()):
            if request.kind == "Action" and request.socket:
                self._fail(number, LostError("the connection was lost while the action ran"))

    # Receiving

    def _take(self, message: Json) -> None:
        match message["type"]:
            case "Transition":
                self._take_transition(message)
            case "MutationResponse" | "ActionResponse":
                self._take_response(message)
            case "Ping":
                pass
            case other:
                self._complain(f"the server sent {other}: {message}")

    def _take_response(self, message: Json) -> None:
        number = message["requestId"]
        request = self._requests.get(number)
        mutation = message["type"] == "MutationResponse"
        ts = decode_ts(message["ts"]) if mutation and message["success"] else None
        self._owed = max(ts or 0, self._owed or 0)
        if mutation:
            known = self._answers.setdefault(number, message)
            if known is not message:
                self.replies_to_replays += 1
                if message != known and number not in self._effectless:
                    self._complain(f"R6: request {number} was answered {known} and then {message}")
        if request is None or request.response is not None:
            return  # The first answer counts.
        request.response = message
        request.returned = asyncio.get_running_loop().time()
        if not message["success"]:
            self._fail(number, FunctionError(message["result"]))
        elif not mutation:
            self._done(number, None)
        if self.tear_after_responses:
            self.tear_after_responses -= 1
            self.tear()
            raise OSError("torn off by the test")

    def _take_transition(self, message: Json) -> None:
        start, end = message["startVersion"], message["endVersion"]
        if start != self._version:
            self._complain(f"R1: a transition starts at {start}, the last one ended at {self._version}")
        ts = decode_ts(end["ts"])
        if ts < self._max_observed:
            self._complain(f"R1: a transition goes back from {self._max_observed} to {ts}")
        if self._owed is not None and ts < self._owed:
            self._complain(f"R3: a transition to {ts} follows a response for {self._owed}")
        self._owed = None
        self._version = end
        self._max_observed = max(self._max_observed, ts)
        for each in message["modifications"]:
            query = self.queries.get(each["queryId"])
            if query is not None and each["type"] != "QueryRemoved":
                query.shown = each
                query.journal = each.get("journal")
        shown = {number: query for number, query in self.queries.items() if query.since <= end["querySet"]}
        for number, query in shown.items():
            if query.shown is None:
                self._complain(f"R1: query {number} {query.path} {query.args} has no result at {end}")
                return
        for number, request in list(self._requests.items()):
            response = request.response
            if response is not None and response["success"] and decode_ts(response["ts"]) <= ts:
                self._done(number, decode_ts(response["ts"]))
        confirmed = [self._asked.get(each) for each in range(start["querySet"] + 1, end["querySet"] + 1)]
        asked = max((time for time in confirmed if time is not None), default=None)
        self.transitions += 1
        self._on_shown(Shown(ts, shown, asked, asyncio.get_running_loop().time()))

    def _done(self, number: int, ts: int | None) -> None:
        request = self._requests.pop(number)
        assert request.response is not None
        self._max_observed = max(self._max_observed, ts or 0)
        if not request.future.done():
            result = request.response["result"]
            answer = Answer(result, ts, request.invoked, request.returned, self.transitions)
            request.future.set_result(answer)

    def _fail(self, number: int, error: Exception) -> None:
        request = self._requests.pop(number)
        if not request.future.done():
            request.future.set_exception(error)

    def _complain(self, text: str) -> None:
        self.violations.append(f"{self.name}: {text}")
