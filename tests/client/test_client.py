"""The client against a real server: calls, live queries, identities."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from support.noticeboard import notices
from support.serving import Running
from syncline.client import (
    AdminKey,
    AuthenticationError,
    Client,
    ClientClosedError,
    ClientError,
    ConnectionLostError,
    FunctionError,
)
from syncline.client.subscription import Update
from syncline.kernel.errors import ArgumentError, SetupError
from syncline.protocol import PathError

PACKAGE = "support.noticeboard"


def client_of(server: Running, token: AdminKey | str | None = None) -> Client:
    return Client(server.url, package=PACKAGE, token=token)


def test_functions_give_python_values_and_paths_give_plain_ones(server: Running, board: str) -> None:
    async def scenario() -> None:
        due = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
        async with client_of(server) as client:
            id = await client.mutation(notices.post, board, "hello", due=due)
            (notice,) = await client.query(notices.list_notices, board=board)
            assert (notice.id, notice.text, notice.due) == (id, "hello", due)
            assert isinstance(notice, notices.Notice)
            (plain,) = await client.query("notices:list", board=board)
            assert (plain["_id"], plain["text"]) == (id, "hello")
            assert await client.action(notices.double, 21) == 42
            assert await client.action(notices.shout, text="hey") == "HEY"
            assert await client.action("notices:double", number=4) == 8.0

    asyncio.run(scenario())


def test_a_live_query_shows_a_mutation_when_it_is_over(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server) as client, client.subscribe(notices.texts, board) as live:
            assert (live.state, live.error) == ("connecting", None)
            with pytest.raises(ClientError, match="notices:texts: there is no result yet"):
                live.latest
            assert await live.ready() == []
            for number in range(20):
                await client.mutation(notices.post, board=board, text=str(number))
                assert live.state == "live"
                assert live.latest == [str(each) for each in range(number + 1)]

    asyncio.run(scenario())


def test_mutations_that_are_called_together_run_in_order(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server) as client:
            calls = [client.mutation(notices.post, board=board, text=str(number)) for number in range(600)]
            await asyncio.gather(*calls)
            assert await client.query(notices.texts, board) == [str(number) for number in range(600)]

    asyncio.run(scenario())


def test_a_loop_gets_each_value_that_it_has_time_for(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server) as client:
            seen: list[int] = []
            async for texts in client.subscribe(notices.texts, board):
                seen.append(len(texts))
                if len(texts) == 4:
                    break
                # Two at once: the value between them is left out, or not.
                await asyncio.gather(*(client.mutation(notices.post, board, "x") for _ in range(2)))
            assert seen[0] == 0 and seen[-1] == 4 and seen == sorted(set(seen))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not client._connection._watches  # pyright: ignore[reportPrivateUsage]  # what is left behind

    asyncio.run(scenario())


def test_a_query_that_fails_says_so_and_recovers(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server) as client, client.subscribe(notices.one, board) as live:
            with pytest.raises(FunctionError) as refused:
                async for _ in live:
                    pass
            assert refused.value.data == {"code": "empty", "board": board}
            assert (refused.value.code, refused.value.path) == ("empty", "notices:one")
            with pytest.raises(FunctionError):
                live.latest
            updates = live.updates()
            first = await anext(updates)
            assert isinstance(first.error, FunctionError)
            await client.mutation(notices.post, board, "here")
            second = await anext(updates)
            assert (second.value, second.state, second.error) == ("here", "live", None)
            await updates.aclose()
            assert live.latest == "here"

    asyncio.run(scenario())


def test_refusals_are_errors_with_data_and_leave_nothing_behind(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server) as client:
            with pytest.raises(FunctionError, match="notices:post") as refused:
                await client.mutation(notices.post, board, "")
            assert refused.value.data == {"code": "no_text"}
            with pytest.raises(FunctionError, match="Could not find public function for 'notices:secret'"):
                await client.query(notices.secret)
            with pytest.raises(FunctionError, match="ArgumentValidationError"):
                await client.query("notices:texts", bord=board)
            assert await client.query(notices.texts, board) == []

    asyncio.run(scenario())


def test_mistakes_are_noticed_before_anything_is_sent(server: Running) -> None:
    async def scenario() -> None:
        async with client_of(server) as typed:
            client: Any = typed  # Type checkers notice most of these mistakes: see test_typing.
            with pytest.raises(TypeError, match=r"is a mutation: call it by client\.mutation"):
                await client.query(notices.clear, board="x")
            with pytest.raises(TypeError, match=r"is an action: call it by client\.action"):
                client.subscribe(notices.double, number=1)
            with pytest.raises(
                TypeError, match="neither a path such as 'messages:list' nor a decorated function"
            ):
                await client.query(print)
            with pytest.raises(TypeError, match="takes 1 arguments, got 2"):
                await client.query(notices.texts, "a", "b")
            with pytest.raises(TypeError, match="got the argument board twice"):
                await client.query(notices.texts, "a", board="b")
            with pytest.raises(ArgumentError, match=r"no argument `bord`.*board"):
                await client.query(notices.texts, bord="b")
            with pytest.raises(ArgumentError, match="notices:texts"):
                await client.query("notices:texts", board=object())
            with pytest.raises(PathError, match="not a function path"):
                await client.query("no path")

    asyncio.run(scenario())


def test_functions_of_another_package_are_refused(server: Running) -> None:
    async def scenario() -> None:
        async with Client(server.url, package="elsewhere") as client:
            with pytest.raises(
                SetupError, match=r"support\.noticeboard\.notices is not in the package elsewhere"
            ):
                await client.query(notices.whoami)

    asyncio.run(scenario())


def test_many_queries_at_once_and_a_large_result(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server) as client:
            results = await asyncio.gather(
                *(client.query(notices.texts, f"{board}{n}") for n in range(1_500))
            )
            assert results == [[]] * 1_500
            assert len(await client.query(notices.large, 7_000_000)) == 7_000_000

    asyncio.run(scenario())


def test_a_cancelled_call_leaves_the_client_usable(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.action(notices.wait_for_notice, board)
            await client.mutation(notices.post, board, "x")
            assert await client.action(notices.wait_for_notice, board) == "x"

    asyncio.run(scenario())


def test_the_administrator_may_act_as_somebody(server: Running, board: str) -> None:
    async def scenario() -> None:
        async with client_of(server, AdminKey(server.admin_key)) as client:
            assert await client.query(notices.secret) == "secret"
            async with client.subscribe(notices.whoami) as live:
                assert await live.ready() is None
                early = asyncio.create_task(client.mutation(notices.sign, board))
                await asyncio.sleep(0)
                await client.authenticate(AdminKey(server.admin_key, {"issuer": "test", "subject": "ada"}))
                assert live.latest == "ada"
                await early
                await client.mutation(notices.sign, board)
                await client.authenticate(None)
                assert live.latest is None
            assert await client.query(notices.texts, board) == ["nobody", "ada"]
            with pytest.raises(FunctionError):
                await client.query(notices.secret)

    asyncio.run(scenario())


def test_a_refused_token_stops_everything_until_there_is_another(server: Running) -> None:
    async def scenario() -> None:
        with pytest.raises(AuthenticationError, match="the server refused the token: No auth provider"):
            async with client_of(server, "not a token"):
                pass
        async with client_of(server) as client, client.subscribe(notices.whoami) as live:
            await live.ready()
            with pytest.raises(AuthenticationError, match="BadDeployKey"):
                await client.authenticate(AdminKey("test|wrong"))
            assert live.state == "stale"
            with pytest.raises(AuthenticationError):
                live.latest
            with pytest.raises(AuthenticationError):
                await client.query(notices.whoami)
            with pytest.raises(AuthenticationError):
                async for _ in live:
                    pass
            await client.authenticate(AdminKey(server.admin_key, {"issuer": "test", "subject": "ada"}))
            assert (live.state, live.latest) == ("live", "ada")

    asyncio.run(scenario())


def test_a_source_of_tokens_is_asked_again_when_its_token_is_refused(server: Running) -> None:
    asked: list[bool] = []

    async def fresh(refused: bool) -> AdminKey:
        asked.append(refused)
        return AdminKey(server.admin_key if refused else "test|expired")

    async def scenario() -> None:
        async with Client(server.url, token=fresh, package=PACKAGE) as client:
            assert await client.query(notices.secret) == "secret"
        assert asked == [False, True]
        with pytest.raises(AuthenticationError):
            async with Client(server.url, token=lambda refused: "bad"):
                pass

    asyncio.run(scenario())


def test_a_client_outside_its_block_says_so(server: Running) -> None:
    async def scenario() -> None:
        client = client_of(server)
        with pytest.raises(
            ClientError, match="notices:whoami: the client is not connected: use it in `async with"
        ):
            await client.query(notices.whoami)
        with pytest.raises(ClientError, match="the client is not connected"):
            await client.authenticate(None)
        async with client:
            waiting = asyncio.create_task(client.action(notices.wait_for_notice, "nothing will ever be here"))
            await client.query(notices.whoami)
        with pytest.raises(ClientClosedError, match="the client is closed"):
            await waiting
        for call in (
            client.query(notices.whoami),
            client.mutation(notices.clear, "x"),
            client.authenticate(None),
        ):
            with pytest.raises(ClientClosedError):
                await call
        with pytest.raises(ClientError, match="entered once"):
            await client.__aenter__()

    asyncio.run(scenario())


def test_an_address_without_a_server_is_an_error(server: Running) -> None:
    async def scenario() -> None:
        with pytest.raises(
            ConnectionLostError, match=r"no server at http://127\.0\.0\.1:1 within 0\.3 s: .*syncline dev"
        ):
            async with Client("http://127.0.0.1:1", connect_timeout=0.3):
                pass
        with pytest.raises(ConnectionLostError, match="404"):
            async with Client(f"{server.url}/elsewhere", connect_timeout=0.3):
                pass

    asyncio.run(scenario())
    with pytest.raises(SetupError, match="is no address of a server"):
        Client("localhost:3210")


def test_an_update_without_a_value_says_so() -> None:
    nothing: Update[int] = Update("connecting", None, None)
    with pytest.raises(ClientError, match="no result yet"):
        nothing.value


def test_a_result_that_does_not_fit_the_hint_is_an_error(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with client_of(server) as client:
            monkeypatch.setattr(notices.whoami, "name", "large")
            monkeypatch.setitem(notices.whoami.fn.__annotations__, "return", "int")
            bound = client._functions.find(notices.whoami, "query")  # pyright: ignore[reportPrivateUsage]  # what a newer server does
            with pytest.raises(
                ClientError, match=r"notices:large: the result does not fit .* another version"
            ):
                bound.decode(b'"text"')

    asyncio.run(scenario())
