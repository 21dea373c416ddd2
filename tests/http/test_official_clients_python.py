"""The official PyPI client, unmodified, against a server in a process of its own (its calls hold the interpreter)."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

import convex
import convex.http_client
import pytest

from support.applications import write_application
from support.notes import MODULES
from support.processes import ServerProcess, call, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess, None, None]:
    folder = tmp_path_factory.mktemp("app")
    write_application(folder, **MODULES)
    with serving(folder) as server:
        yield server


def test_subscribe_mutate_and_act(server: ServerProcess) -> None:
    client: Any = convex.ConvexClient(server.url)
    updates = client.subscribe("notes:list", {"list": "py"})
    assert next(updates) == []
    assert isinstance(client.mutation("notes:add", {"text": "one", "list": "py"}), str)
    assert next(updates) == ["one"]
    assert client.query("notes:count", {"list": "py"}) == 1.0
    assert client.action("notes:calculate", {"number": 3}) == 6.0
    values = client.query("notes:values")
    assert values["bytes"] == b"hi" and values["big"].value == 2**53 + 1
    updates.unsubscribe()


def test_errors_have_data_or_a_message(server: ServerProcess) -> None:
    client: Any = convex.ConvexClient(server.url)
    with pytest.raises(convex.ConvexError) as refused:
        client.mutation("notes:refuse")
    assert refused.value.data == "bad"
    with pytest.raises(convex.ConvexError) as refused:
        client.query("notes:refused")
    assert refused.value.data == {"code": "no", "limit": 3.0}
    with pytest.raises(Exception, match="Uncaught ValueError: a bug"):
        client.query("notes:broken")
    with pytest.raises(Exception, match="Could not find public function"):
        client.mutation("notes:missing")


def test_pages(server: ServerProcess) -> None:
    client: Any = convex.ConvexClient(server.url)
    for number in range(5):
        client.mutation("notes:add", {"text": str(number), "list": "pages"})
    page = client.query("notes:page", {"list": "pages", "paginationOpts": {"numItems": 3, "cursor": None}})
    assert [note["text"] for note in page["page"]] == ["4", "3", "2"] and page["isDone"] is False
    options = {"numItems": 3, "cursor": page["continueCursor"]}
    page = client.query("notes:page", {"list": "pages", "paginationOpts": options})
    assert [note["text"] for note in page["page"]] == ["1", "0"] and page["isDone"] is True


def test_the_http_client(server: ServerProcess) -> None:
    client = convex.http_client.ConvexHttpClient(server.url)
    client.mutation("notes:add", {"text": "one", "list": "pyhttp"})
    assert client.query("notes:list", {"list": "pyhttp"}) == ["one"]
    assert client.query("notes:count", {"list": "pyhttp"}) == 1.0
    assert client.action("notes:calculate", {"number": 2}) == 4.0
    with pytest.raises(convex.ConvexError) as refused:
        client.query("notes:refused")
    assert refused.value.data == {"code": "no", "limit": 3.0}
    with pytest.raises(Exception, match="a bug"):
        client.query("notes:broken")


def test_a_subscription_goes_on_after_the_process_was_replaced(server: ServerProcess) -> None:
    client: Any = convex.ConvexClient(server.url)
    updates = client.subscribe("notes:list", {"list": "again"})
    assert next(updates) == []
    os.kill(server.children()[0], signal.SIGKILL)
    # Over HTTP: a call on a socket that is gone, but not known to be, can fail inside this client.
    call(server.url, "mutation", "notes:add", text="after", list="again")
    seen = next(updates)
    while seen != ["after"]:
        seen = next(updates)
    assert isinstance(client.mutation("notes:add", {"text": "more", "list": "again"}), str)
    assert next(updates) == ["after", "more"]
