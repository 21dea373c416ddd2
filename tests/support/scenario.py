"""Clients of all kinds on one server, while networks fail and processes are killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .actors import Caller, SocketActor, Stream
from .faultproxy import FaultProxy
from .history import History, Status
from .restartable import RestartableServer
from .workload import Journal, Keys, Seen

#: Seconds for everybody to see the newest state, once the faults are over (R4).
_CONVERGENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Dose:
    sockets: int
    callers: int
    #: What each of them does.
    operations: int
    #: Rounds of all kinds of faults: cut, slow and held connections, and both kinds of kill -9.
    rounds: int


@dataclass
class Recording:
    """What there is to judge."""

    history: History
    #: What single clients saw that must not be.
    violations: list[str]
    #: What somebody still did not see when everything was over.
    behind: list[str]
    #: How often each thing happened: a run in which nothing was cut or killed proves little.
    counts: dict[str, int] = field(default_factory=dict[str, int])
    #: What the server printed.
    log: str = ""


def record(server: RestartableServer, seed: int, dose: Dose, code: Path | None = None) -> Recording:
    """Run a workload with faults on a running server. The seed decides what is asked, not what happens then.

    `code` is a module of the application that is saved anew time and again, so that a server in development reloads.
    """
    return asyncio.run(_Scenario(server, random.Random(seed), dose, code).run())


class _Scenario:
    def __init__(
        self, server: RestartableServer, chance: random.Random, dose: Dose, code: Path | None
    ) -> None:
        self._server = server
        self._code = code
        self._kills_before = server.kills
        self._chance = chance
        self._dose = dose
        self._keys = Keys(chance)
        self._journal = Journal()
        self._behind: list[str] = []
        #: How much of the work is done.
        self._done = 0
        self._progress = asyncio.Event()

    async def run(self) -> Recording:
        async with AsyncExitStack() as stack:
            # Two are for sockets, one is for HTTP.
            proxies = [
                await stack.enter_async_context(FaultProxy(self._server.port, self._chance)) for _ in range(3)
            ]
            common = (self._keys, self._journal, self._chance)
            sockets = [SocketActor(n, proxies[n % 2].port, *common) for n in range(self._dose.sockets)]
            callers = [Caller(n, proxies[2].port, *common) for n in range(self._dose.callers)]
            stream = asyncio.create_task(Stream(proxies[2].port, self._keys, self._journal).run())
            for actor in sockets:
                actor.client.start()
            await asyncio.gather(
                self._cause_faults(proxies),
                *(self._repeat(actor.act) for actor in sockets),
                *(self._repeat(caller.act) for caller in callers),
            )
            for proxy in proxies:
                proxy.heal()
            await asyncio.to_thread(self._server.wait_until_it_answers)
            await self._converge(sockets)
            stream.cancel()
            for caller in callers:
                await caller.close()
            for actor in sockets:
                await actor.client.close()
                await actor.settle()
        return self._judge(sockets, callers, sum(proxy.cuts for proxy in proxies))

    async def _repeat(self, act: Callable[[], Awaitable[None]]) -> None:
        for _ in range(self._dose.operations):
            await act()
            self._done += 1
            self._progress.set()

    async def _cause_faults(self, proxies: Sequence[FaultProxy]) -> None:
        """Faults come when a share of the work is done, so that a slow machine has as many."""
        total = self._dose.operations * (self._dose.sockets + self._dose.callers)
        kinds = [self._slow, self._cut_early, self._kill_serving, self._hold, self._kill_all, self._heal]
        if self._code is not None:
            kinds = [each for kind in kinds for each in (kind, self._save_code)]
        steps = kinds * self._dose.rounds
        for number, cause in enumerate(steps, 1):
            while self._done < total * number // (len(steps) + 1):
                self._progress.clear()
                await self._progress.wait()
            await cause(proxies)

    async def _slow(self, proxies: Sequence[FaultProxy]) -> None:
        self._chance.choice(proxies).cut_all()
        for proxy in proxies:
            proxy.latency = 0.01

    async def _cut_early(self, proxies: Sequence[FaultProxy]) -> None:
        for proxy in proxies[:2]:
            proxy.cut_within = 20_000
            proxy.cut_all()

    async def _kill_serving(self, proxies: Sequence[FaultProxy]) -> None:
        await self._heal(proxies)
        self._server.kill_serving_process()

    async def _hold(self, proxies: Sequence[FaultProxy]) -> None:
        held = self._chance.choice(proxies[:2])
        held.hold()
        await asyncio.sleep(0.1)
        held.cut_all()
        held.release()

    async def _kill_all(self, proxies: Sequence[FaultProxy]) -> None:
        self._server.kill()
        await asyncio.to_thread(self._server.start)

    async def _save_code(self, proxies: Sequence[FaultProxy]) -> None:
        assert self._code is not None
        self._code.write_text(f"{self._code.read_text()}\n# Saved when {self._done} things were done.\n")

    async def _heal(self, proxies: Sequence[FaultProxy]) -> None:
        for proxy in proxies:
            proxy.heal()

    # The end

    async def _converge(self, sockets: Sequence[SocketActor]) -> None:
        """Writes stop, and everybody comes to see the same."""
        # One client ends in the middle of what it asks for: nobody will ever say how that ended.
        leaving, *staying = sockets
        for _ in range(3):
            await leaving.act()
        await leaving.client.close()
        try:
            async with asyncio.timeout(_CONVERGENCE_SECONDS):
                self._behind = ["a mutation was never answered"]
                for actor in staying:
                    await actor.settle()
                final = await self._read_everything()
                while behind := self._who_is_behind(staying, final):
                    self._behind = behind
                    await asyncio.sleep(0.02)
                self._behind = []
        except TimeoutError:
            pass

    async def _read_everything(self) -> dict[str, tuple[int, ...]]:
        keys = sorted(self._keys.known)
        args = {"keys": keys}
        asked = asyncio.get_running_loop().time()
        async with httpx.AsyncClient(timeout=60) as http:
            url = f"http://127.0.0.1:{self._server.port}/api/query"
            response = await http.post(url, json={"path": "lists:read", "args": args})
        value = response.json()["value"]
        now = asyncio.get_running_loop().time()
        self._journal.seen["final"] = [
            Seen("the final read", None, [("lists:read", args, value)], None, asked, now)
        ]
        return {key: tuple(map(int, values)) for key, values in zip(keys, value, strict=True)}

    def _who_is_behind(self, sockets: Sequence[SocketActor], final: dict[str, tuple[int, ...]]) -> list[str]:
        behind = [f"{actor.name} still waits" for actor in sockets if not actor.client.idle]
        for actor in sockets:
            for read in actor.newest_reads():
                if read.values != final.get(read.key, read.values):
                    behind.append(f"{actor.name} shows {read} instead of {final[read.key]}")
        return behind

    def _judge(self, sockets: Sequence[SocketActor], callers: Sequence[Caller], cuts: int) -> Recording:
        clients = [actor.client for actor in sockets]
        violations = [each for client in clients for each in client.violations]
        violations += [each for actor in sockets for each in actor.violations]
        violations += [each for caller in callers for each in caller.violations]
        recording = Recording(self._journal.history(), violations, self._behind, log=self._server.log)
        for status in Status:
            recording.counts[status.value] = sum(each.status is status for each in self._journal.asked)
        recording.counts |= {
            "transitions": sum(client.transitions for client in clients),
            "connections": sum(client.connections for client in clients),
            "events": len(self._journal.seen["stream"]),
            "replays": sum(client.replies_to_replays for client in clients),
            "kills": self._server.kills - self._kills_before,
            "cuts": cuts,
        }
        return recording
