"""What networks and servers do to a client, and what its calls and live queries make of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from support.faultproxy import FaultProxy
from support.noticeboard import notices
from support.restartable import RestartableServer
from support.serving import Running
from syncline.client import Client, ClientError, ConnectionLostError, Subscription

PACKAGE = "support.noticeboard"
SECONDS = 20.0


@asynccontextmanager
async def through_proxy(
    port: int, seed: int = 0, *, patience: float = 8.0
) -> AsyncGenerator[tuple[Client, FaultProxy, list[str]], None]:
    """A client behind a proxy, and the states that it goes through."""
    states: list[str] = []
    async with asyncio.timeout(SECONDS), FaultProxy(port, random.Random(seed)) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        async with Client(
            url, package=PACKAGE, patience=patience, on_state=lambda state, reason: states.append(state)
        ) as client:
            yield client, proxy, states


async def until(live: Subscription[list[str]], shown: Callable[[], bool]) -> None:
    """Wait until the live query is as it should be."""
    async for _ in live.updates():
        if shown():
            return


@pytest.mark.parametrize("seed", range(2))
def test_mutations_run_once_and_in_order_though_sockets_break_everywhere(
    server: Running, board: str, seed: int
) -> None:
    async def scenario() -> None:
        async with through_proxy(server.port, seed) as (client, proxy, states):
            async with client.subscribe(notices.texts, board) as live:
                await live.ready()
                proxy.cut_within = 8000
                proxy.cut_all()
                expected = [str(number) for number in range(60)]
                for start in range(0, 60, 6):
                    calls = [
                        client.mutation(notices.post, board, text) for text in expected[start : start + 6]
                    ]
                    await asyncio.gather(*calls)
                    if live.state == "live":
                        assert live.latest == expected[: start + 6]
                proxy.heal()
                await until(live, lambda: live.state == "live")
                assert live.latest == expected
            assert proxy.cuts > 1 and "stale" in states
            assert await client.query(notices.texts, board) == expected

    asyncio.run(scenario())


@pytest.mark.parametrize("stage", [1, 60, 200, 400, 500, 700])
def test_a_socket_that_breaks_at_a_stage_of_its_life_is_replaced(
    server: Running, board: str, stage: int
) -> None:
    class At(random.Random):
        """Cuts at this very byte; says when the third connection is there."""

        connections = 0
        third = asyncio.Event()

        def randint(self, a: int, b: int) -> int:
            self.connections += 1
            if self.connections == 3:
                self.third.set()
            return b

    async def scenario() -> None:
        at = At()
        async with asyncio.timeout(SECONDS), FaultProxy(server.port, at) as proxy:
            proxy.cut_within = stage
            client = Client(f"http://127.0.0.1:{proxy.port}", package=PACKAGE, connect_timeout=None)
            async with client, client.subscribe(notices.texts, board) as live:
                mutation = asyncio.create_task(client.mutation(notices.post, board, "x"))
                await at.third.wait()
                proxy.heal()
                await mutation
                await until(live, lambda: live.state == "live" and live.latest == ["x"])

    asyncio.run(scenario())


def test_a_half_open_link_is_noticed_reported_and_replaced(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with through_proxy(server.port, patience=0.8) as (client, proxy, states):
            async with client.subscribe(notices.texts, board) as live:
                await live.ready()
                proxy.hold()
                mutation = asyncio.create_task(client.mutation(notices.post, board, "sent into the void"))
                await until(live, lambda: live.state == "stale")
                assert (live.latest, client.state) == ([], "stale")
                server.value("mutation", "notices:post", board=board, text="meanwhile")
                proxy.release()
                await mutation
                await until(live, lambda: live.state == "live" and len(live.latest) == 2)
            assert states == ["live", "stale", "live"]
            # The first socket's bytes have arrived too by now, and were not run again.
            assert sorted(await client.query(notices.texts, board)) == ["meanwhile", "sent into the void"]

    asyncio.run(scenario())


def test_a_slow_link_is_not_taken_for_a_dead_one(server: Running) -> None:
    async def scenario() -> None:
        async with through_proxy(server.port, patience=0.4) as (client, proxy, states):
            # In pieces of 16 KiB, each late: seconds of one message that is not complete.
            proxy.latency = 0.05
            assert len(await client.query(notices.large, 500_000)) == 500_000
            proxy.latency = 0.0
            assert states == ["live"]

    asyncio.run(scenario())


def test_an_action_under_way_is_lost_with_its_socket(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with through_proxy(server.port) as (client, proxy, _):
            action = asyncio.create_task(client.action(notices.wait_for_notice, board))
            await client.query(notices.texts, board)  # Sent behind it: the action is under way.
            proxy.cut_all()
            with pytest.raises(
                ConnectionLostError, match=r"notices:wait_for_notice: the connection was lost while"
            ):
                await action
            await client.mutation(notices.post, board, "so that it ends")

    asyncio.run(scenario())


def test_a_server_that_is_killed_under_load_loses_and_repeats_nothing(tmp_path: Path) -> None:
    def on_board(client: Client, numbers: range) -> list[Awaitable[object]]:
        return [client.mutation(notices.post, "b", str(number)) for number in numbers]

    def has(live: Subscription[list[str]], count: int) -> bool:
        return live.state != "connecting" and len(live.latest) >= count

    async def scenario(server: RestartableServer) -> None:
        url = f"http://127.0.0.1:{server.port}"
        async with (
            asyncio.timeout(SECONDS),
            Client(url, package=PACKAGE) as client,
            client.subscribe(notices.texts, "b") as live,
        ):
            await live.ready()
            load = asyncio.gather(*on_board(client, range(1200)))
            for count in (100, 500):
                await until(live, partial(has, live, count))
                server.kill_serving_process()
                await until(live, lambda: live.state == "stale")
            await load
            await until(live, lambda: live.state == "live")
            assert live.latest == [str(number) for number in range(1200)]

    with RestartableServer(Path(notices.__file__).parent, tmp_path) as server:
        asyncio.run(scenario(server))
        assert server.kills == 2


def test_a_client_may_be_there_before_its_server(tmp_path: Path) -> None:
    async def scenario(server: RestartableServer) -> None:
        url = f"http://127.0.0.1:{server.port}"
        async with asyncio.timeout(SECONDS), Client(url, package=PACKAGE, connect_timeout=None) as client:
            call = asyncio.create_task(client.mutation(notices.post, "b", "early"))
            await asyncio.to_thread(server.start)
            await call
            assert client.state == "live"
            assert await client.query(notices.texts, "b") == ["early"]

    server = RestartableServer(Path(notices.__file__).parent, tmp_path)
    try:
        asyncio.run(scenario(server))
    finally:
        server.stop()


def test_errors_of_the_connection_are_errors_of_the_client() -> None:
    assert issubclass(ConnectionLostError, ClientError)
