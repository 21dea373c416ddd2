"""Development: saving a file puts new code in force, and broken code keeps the old one serving."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from support.applications import write_application
from support.notes import NOTES, SCHEMA
from support.processes import ServerProcess, call, columns, serving
from support.sockets import SyncSocket

GREET = """
    from syncline import QueryCtx, query

    @query
    def greet(ctx: QueryCtx) -> str:
        return "{}"
"""


@pytest.fixture
def server(tmp_path: Path) -> Generator[ServerProcess, None, None]:
    write_application(tmp_path, schema=SCHEMA, notes=NOTES, greet=GREET.format("hello"))
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("one")
    with serving(tmp_path, "dev", "--site", "site") as server:
        yield server


def test_a_save_reruns_live_queries_and_sockets_stay_open(server: ServerProcess, tmp_path: Path) -> None:
    with SyncSocket(server.port) as client:
        client.connect().subscribe(0, "greet:greet")
        assert client.value(0) == "hello"
        write_application(tmp_path, greet=GREET.format("good morning"))
        assert client.value(0) == "good morning"
        write_application(tmp_path, later=GREET.format("a new module"))
        server.wait_for("reload", times=2)
        client.subscribe(1, "later:greet")
        assert client.value(1) == "a new module"
        client.mutate(0, "notes:add", text="x")
        assert client.response(0)["success"] is True


def test_code_that_does_not_load_leaves_the_old_code_serving(server: ServerProcess, tmp_path: Path) -> None:
    with SyncSocket(server.port) as client:
        client.connect().subscribe(0, "greet:greet")
        assert client.value(0) == "hello"
        write_application(tmp_path, greet="def greet(:\n")
        output = server.wait_for("SyntaxError")
        assert ("reload", "failed; the code from before goes on serving") in list(columns(output))
        assert "            backend/greet.py:1: SyntaxError: " in server.wait_for("help: ")
        assert call(server.url, "query", "greet:greet") == {"status": "success", "value": "hello"}
        write_application(tmp_path, greet=GREET.format("mended"))
        assert client.value(0) == "mended"


def test_a_schema_that_the_data_do_not_fit_is_refused_and_the_old_one_stays(
    server: ServerProcess, tmp_path: Path
) -> None:
    call(server.url, "mutation", "notes:add", text="x")
    write_application(tmp_path, schema=SCHEMA.replace("text: str", "text: int"))
    output = server.wait_for("the stored data does not fit the schema")
    assert "1 document does not fit notes" in server.wait_for("Nothing was changed")
    assert ("reload", "failed; the code from before goes on serving") in list(columns(output))
    assert call(server.url, "query", "notes:list") == {"status": "success", "value": ["x"]}


def test_a_changed_site_is_served_without_a_reload_of_the_code(server: ServerProcess, tmp_path: Path) -> None:
    assert httpx.get(server.url).text == "one"
    (tmp_path / "site" / "index.html").write_text("two")
    while httpx.get(server.url).text != "two":
        pass
    assert "reload" not in [kind for kind, _ in columns(server.output)]
