"""Clients of three kinds that work on lists and note what they see: sockets, HTTP calls, and event streams."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import httpx

from syncline.values import decode_ts

from .history import Read, Status
from .restartable import ADMIN_KEY
from .sync_client import SyncClient
from .sync_messages import FunctionError, Json, LostError, Shown
from .workload import Asked, Journal, Keys, Seen, make_steps, next_page, own_list, reads_of

#: Mutations that a socket has under way at most.
_OPEN = 4
_MOST_QUERIES = 5
#: What a client in production is told of an error that is not meant for it.
_REDACTED = "Server Error"


class SocketActor:
    """A client of the sync protocol. Every second one acts as a user."""

    def __init__(self, number: int, port: int, keys: Keys, journal: Journal, chance: random.Random) -> None:
        self.name = f"socket{number}"
        self.violations: list[str] = []
        self.subject = f"user-{number}" if number % 2 else None
        self._keys = keys
        self._journal = journal
        self._chance = chance
        self._seen = journal.seen.setdefault(self.name, [])
        self._asked = 0
        #: Where each page ends, by query: there it ends for good.
        self._ends: dict[int, str] = {}
        self._last: Asked | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        identity = {"subject": self.subject, "issuer": "https://users.test"} if self.subject else None
        self.client = SyncClient(
            self.name, port, acting_as=identity, admin_key=ADMIN_KEY, on_shown=self._shown, chance=chance
        )
        if self.subject is not None:
            keys.known.add(own_list(self.subject))

    async def act(self) -> None:
        """Do one thing, chosen at random, and wait while too much is under way."""
        roll = self._chance.random()
        if roll < 0.62:
            self._spawn(self._transact())
        elif roll < 0.66:
            self._spawn(self._act_twice())
        elif roll < 0.90:
            self._change_queries()
        elif roll < 0.94:
            self.client.tear_after_responses += 1
        elif roll < 0.97:
            self._spawn(self.client.send_again_elsewhere())
        else:
            self.client.tear()
        # Messages leave, and others have a turn.
        await asyncio.sleep(self._chance.random() * 0.003)
        while len(self._tasks) >= _OPEN:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def settle(self) -> None:
        """Until everything that was asked for is answered."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def newest_reads(self) -> list[Read]:
        return list(reads_of(self._seen[-1])) if self._seen else []

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.violations.append(f"{self.name}: {error!r}")

    def _ask(self, kind: str, steps: Sequence[str]) -> Asked:
        now = asyncio.get_running_loop().time()
        asked = Asked(f"{self.name} {kind} {self._asked}", steps, self.subject, Status.UNKNOWN, now)
        self._asked += 1
        self._journal.asked.append(asked)
        return asked

    async def _transact(self) -> None:
        steps = make_steps(self._keys, self._chance, signed_in=self.subject is not None)
        fail = self._chance.random() < 0.1
        effect = not fail and any(not step.startswith(("read", "undone")) for step in steps)
        asked = self._ask("mutation", steps)
        # Mutations of one client take effect in the order in which it asked.
        asked.before, self._last = self._last, asked
        try:
            answer = await self.client.mutation("lists:transact", effect=effect, steps=steps, fail=fail)
        except LostError:
            return
        except FunctionError as error:
            asked.status = Status.FAILED
            if not fail or _REDACTED not in str(error):
                self.violations.append(f"{asked.name} failed: {error}")
            return
        if fail:
            self.violations.append(f"{asked.name} was asked to fail, and succeeded")
        asked.status = Status.OK
        asked.found = answer.value
        # The answer to the replay of one that wrote nothing may have the timestamp of what it was recorded with.
        asked.ts = answer.ts if effect else None
        asked.returned, asked.transitions = answer.returned, answer.transitions

    async def _act_twice(self) -> None:
        """An action of two transactions. When its connection is lost, nobody knows what became of it."""
        first = self._ask("action", make_steps(self._keys, self._chance))
        second = self._ask("action", make_steps(self._keys, self._chance))
        second.before = first
        try:
            answer = await self.client.action("lists:twice", first=first.steps, second=second.steps)
        except LostError:
            return
        except FunctionError as error:
            self.violations.append(f"{first.name} failed: {error}")
            return
        for asked, found in zip((first, second), answer.value, strict=True):
            asked.status, asked.found = Status.OK, found
            asked.returned, asked.transitions = answer.returned, answer.transitions

    def _change_queries(self) -> None:
        queries = self.client.queries
        if len(queries) >= _MOST_QUERIES:
            self.client.unsubscribe(self._chance.choice(list(queries)))
            return
        keys = self._keys.pick_some()
        match self._chance.randrange(6):
            case 0:
                self.client.subscribe("lists:totals", keys=keys)
            case 1:
                self.client.subscribe("lists:bands", first=self._keys.first_band())
            case 2:
                args = next_page({}, self._keys.pick_group())
                assert args is not None
                self.client.subscribe("lists:page", **args)
            case 3 if self.subject is not None:
                self.client.subscribe("lists:read", keys=["cell:mine"])
            case 4 if not any(query.path == "lists:read_slowly" for query in queries.values()):
                self.client.subscribe("lists:read_slowly", keys=keys)
            case _:
                self.client.subscribe("lists:read", keys=keys)

    def _shown(self, shown: Shown) -> None:
        queries: list[tuple[str, Json, Any]] = []
        for number, query in shown.queries.items():
            if query.failed:
                self.violations.append(f"{self.name}: {query.path} {query.args} failed: {query.shown}")
                continue
            queries.append((query.path, query.args, query.value))
            if (
                query.path == "lists:page"
                and self._ends.setdefault(number, query.value["continueCursor"])
                != query.value["continueCursor"]
            ):
                self.violations.append(f"{self.name}: the end of page {query.args} has moved")
        label = f"{self.name} transition {len(self._seen)}"
        self._seen.append(Seen(label, shown.ts, queries, self.subject, shown.asked, shown.received))
        for group in {query.args["group"] for query in shown.queries.values() if query.path == "lists:page"}:
            following = next_page(self.client.queries, group)
            if following is not None:
                self.client.subscribe("lists:page", **following)


class Caller:
    """A client of the HTTP API: one call after the other."""

    def __init__(self, number: int, port: int, keys: Keys, journal: Journal, chance: random.Random) -> None:
        self.name = f"caller{number}"
        self.violations: list[str] = []
        self._keys = keys
        self._journal = journal
        self._chance = chance
        self._seen = journal.seen.setdefault(self.name, [])
        self._asked = 0
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)

    async def close(self) -> None:
        await self._http.aclose()

    async def act(self) -> None:
        calls = [self._transact, self._transact, self._read, self._read_batch, self._read_at]
        try:
            await self._chance.choice(calls)()
        except httpx.TransportError:
            # The connection or the server is gone; what was asked for has no answer.
            await asyncio.sleep(0.01)
        except FunctionError as error:
            self.violations.append(f"{self.name}: {error}")

    async def _transact(self) -> None:
        steps = make_steps(self._keys, self._chance)
        now = asyncio.get_running_loop().time()
        asked = Asked(f"{self.name} mutation {self._asked}", steps, None, Status.UNKNOWN, now)
        self._asked += 1
        self._journal.asked.append(asked)
        asked.found = await self._call("mutation", path="lists:transact", args={"steps": steps})
        asked.status, asked.returned = Status.OK, asyncio.get_running_loop().time()
        # What it has written must be there now, also if somebody watches it.
        written = self._chance.choice(steps).split()[1]
        if written.startswith(("cell:", "group:", "band:")):
            await self._see(None, [("lists:read", {"keys": [written]})])

    async def _read(self) -> None:
        await self._see(None, [("lists:read", {"keys": self._keys.pick_some()})])

    async def _read_batch(self) -> None:
        keys = self._keys.pick_some()
        queries = [("lists:read", {"keys": keys}), ("lists:totals", {"keys": keys})]
        await self._see(None, [*queries, ("lists:bands", {"first": self._keys.first_band()})])

    async def _read_at(self) -> None:
        """Several queries as of one timestamp, one after the other."""
        asked = asyncio.get_running_loop().time()
        ts = (await self._http.post("/api/query_ts")).json()["ts"]
        queries: list[tuple[str, Json, Any]] = []
        for key in self._keys.pick_some():
            body = {"path": "lists:read", "args": {"keys": [key]}, "ts": ts}
            response = await self._http.post("/api/query_at_ts", json=body)
            if response.status_code == 503 and response.json()["code"] == "OutOfRetention":
                return  # Another process serves now, and it holds no snapshots of the one before.
            assert response.status_code == 200, response.text
            queries.append(("lists:read", {"keys": [key]}, response.json()["value"]))
        self._note(decode_ts(ts), queries, asked)

    async def _see(self, ts: int | None, queries: Sequence[tuple[str, Json]]) -> None:
        asked = asyncio.get_running_loop().time()
        if len(queries) == 1:
            values = [await self._call("query", path=queries[0][0], args=queries[0][1])]
        else:
            bodies = [{"path": path, "args": args} for path, args in queries]
            response = await self._http.post("/api/query_batch", json={"queries": bodies})
            assert response.status_code == 200, response.text
            values = [result["value"] for result in response.json()["results"]]
        shown = [(path, args, value) for (path, args), value in zip(queries, values, strict=True)]
        self._note(ts, shown, asked)

    def _note(self, ts: int | None, queries: Sequence[tuple[str, Json, Any]], asked: float) -> None:
        now = asyncio.get_running_loop().time()
        self._seen.append(Seen(f"{self.name} read {len(self._seen)}", ts, queries, None, asked, now))

    async def _call(self, endpoint: str, **body: Any) -> Any:
        response = await self._http.post(f"/api/{endpoint}", json=body)
        answer = response.json()
        if response.status_code != 200 or answer["status"] != "success":
            raise FunctionError(f"{body} was answered {response.status_code} {answer}")
        return answer["value"]


class Stream:
    """A reader of `/api/watch`, that connects again when it is cut off."""

    name = "stream"

    def __init__(self, port: int, keys: Keys, journal: Journal) -> None:
        self._keys = sorted({keys.pick() for _ in range(3)})
        self._seen = journal.seen.setdefault(self.name, [])
        self._url = f"http://127.0.0.1:{port}/api/watch/lists:read"

    async def run(self) -> None:
        while True:
            try:
                await self._follow()
            except httpx.TransportError:
                await asyncio.sleep(0.05)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        args = {"keys": self._keys}
        asked: float | None = loop.time()
        ts = 0
        async with (
            httpx.AsyncClient(timeout=60) as http,
            http.stream("GET", self._url, params={"args": json.dumps(args)}) as response,
        ):
            async for line in response.aiter_lines():
                name, _, rest = line.partition(": ")
                if name == "id":
                    ts = int(rest.partition("-")[0])
                elif name == "data" and rest.startswith("["):
                    label = f"{self.name} event {len(self._seen)}"
                    queries = [("lists:read", args, json.loads(rest))]
                    self._seen.append(Seen(label, ts, queries, None, asked, loop.time()))
                    asked = None
