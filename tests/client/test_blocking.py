"""The client for threads."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.noticeboard import notices
from support.serving import Running
from syncline.client import (
    AdminKey,
    ClientClosedError,
    ClientError,
    ConnectionLostError,
    FunctionError,
    SyncClient,
    Update,
)

PACKAGE = "support.noticeboard"
SECONDS = 20.0


def test_calls_block_until_there_is_an_answer(server: Running, board: str) -> None:
    with SyncClient(server.url, package=PACKAGE) as client:
        id = client.mutation(notices.post, board, "hello")
        (notice,) = client.query(notices.list_notices, board)
        assert (notice.id, notice.text) == (id, "hello")
        assert client.action(notices.double, number=4) == 8
        assert client.action("notices:shout", text="a") == "A"
        assert client.state == "live"
        with pytest.raises(FunctionError) as refused:
            client.mutation("notices:post", board=board, text="")
        assert refused.value.data == {"code": "no_text"}


def test_threads_may_share_a_client(server: Running, board: str) -> None:
    with SyncClient(server.url, package=PACKAGE) as client, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(client.mutation, notices.post, board, str(number)) for number in range(100)]
        assert len({call.result(SECONDS) for call in calls}) == 100
        assert len(client.query(notices.texts, board)) == 100


def test_a_callback_gets_each_change_until_it_is_closed(server: Running, board: str) -> None:
    updates: queue.Queue[Update[list[str]]] = queue.Queue()
    with SyncClient(server.url, package=PACKAGE) as client:
        with client.subscribe(notices.texts, updates.put, board) as live:
            assert updates.get(timeout=SECONDS).state == "connecting"
            assert updates.get(timeout=SECONDS).value == []
            client.mutation(notices.post, board, "one")
            update = updates.get(timeout=SECONDS)
            assert (update.value, update.state, update.error) == (["one"], "live", None)
            assert live.update.value == ["one"]
        client.mutation(notices.post, board, "two")
        client.query(notices.texts, board)
        assert updates.empty()


def test_a_callback_hears_of_the_end(server: Running, board: str) -> None:
    updates: queue.Queue[Update[list[str]]] = queue.Queue()
    with SyncClient(server.url, package=PACKAGE) as client:
        client.subscribe(notices.texts, updates.put, board)
        client.mutation(notices.post, board, "one")
    seen = list(updates.queue)
    assert seen[0].state == "connecting"
    assert isinstance(seen[-1].error, ClientClosedError)
    with pytest.raises(ClientClosedError):
        seen[-1].value


def test_a_callback_must_not_wait_for_its_own_client(server: Running, board: str) -> None:
    errors: queue.Queue[Exception] = queue.Queue()
    with SyncClient(server.url, package=PACKAGE) as client:

        def callback(update: Update[list[str]]) -> None:
            try:
                client.query(notices.texts, board)
            except ClientError as error:
                errors.put(error)

        client.subscribe(notices.texts, callback, board)
        assert "a callback of the client must not call the client" in str(errors.get(timeout=SECONDS))


def test_a_callback_that_fails_is_logged_and_goes_on(
    server: Running, board: str, caplog: pytest.LogCaptureFixture
) -> None:
    updates: queue.Queue[Update[list[str]]] = queue.Queue()

    def callback(update: Update[list[str]]) -> None:
        updates.put(update)
        raise ValueError("oh")

    with SyncClient(server.url, package=PACKAGE) as client:
        client.subscribe(notices.texts, callback, board)
        client.mutation(notices.post, board, "one")
        while updates.get(timeout=SECONDS).state == "connecting":
            pass
    assert "a callback of a live query failed" in caplog.text


def test_the_user_can_change(server: Running) -> None:
    with SyncClient(server.url, package=PACKAGE) as client:
        assert client.query(notices.whoami) is None
        client.authenticate(AdminKey(server.admin_key, {"issuer": "test", "subject": "ada"}))
        assert client.query(notices.whoami) == "ada"


def test_nothing_is_left_of_a_client_that_is_closed(server: Running) -> None:
    before = threading.active_count()
    client = SyncClient(server.url, package=PACKAGE)
    with pytest.raises(ClientError, match="use it in `with SyncClient"):
        client.query(notices.whoami)
    with client:
        live = client.subscribe(notices.whoami, lambda update: None)
        assert client.query(notices.whoami) is None
    assert threading.active_count() == before
    live.close()
    client.close()
    with pytest.raises(ClientClosedError):
        client.query(notices.whoami)
    with pytest.raises(ClientError, match="entered once"):
        client.__enter__()
    SyncClient(server.url).close()


def test_a_call_that_waits_when_the_client_is_closed_ends(server: Running) -> None:
    client = SyncClient(server.url, package=PACKAGE)
    with client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.action, notices.wait_for_notice, "never anything here")
        client.query(notices.whoami)
        client.close()
        with pytest.raises(ClientClosedError):
            waiting.result(SECONDS)


def test_no_server_is_an_error_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with (
        pytest.raises(ConnectionLostError, match="no server at"),
        SyncClient("http://127.0.0.1:1", connect_timeout=0.2),
    ):
        pass
    assert threading.active_count() == before
