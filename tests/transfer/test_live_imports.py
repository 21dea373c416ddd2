"""Imports and exports of a running server: clients see the new state as one commit, and a failure changes nothing."""

from __future__ import annotations

import io
import json
import queue
import time
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.imports import document_id, lines, write_zip
from support.serving import Running, running
from support.transfers import SECONDS, answer, ask, perform, query, state_of, upload
from syncline.client import SyncClient, Update
from syncline.functions import load_application
from syncline.kernel.clock import SeededEntropy
from syncline.server.admin_keys import create_key
from syncline.store import Store
from syncline.system import ImportJob

SCHEMA = """
    from syncline import Document, Id, Index, SearchIndex

    class User(Document):
        name: str

        by_name = Index("name", unique=True)

    class Post(Document):
        author: Id[User]
        text: str

        by_author = Index("author")
        words = SearchIndex("text")
"""
FUNCTIONS = """
    from syncline import Id, MutationCtx, QueryCtx, mutation, query
    from .schema import Post, User

    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [post.text for post in ctx.db.query(Post)]

    @query
    def of(ctx: QueryCtx, name: str) -> list[str]:
        user = ctx.db.query(User).where(name=name).unique()
        return [] if user is None else [post.text for post in ctx.db.query(Post).where(author=user.id)]

    @query
    def search(ctx: QueryCtx, words: str) -> list[str]:
        return [post.text for post in ctx.db.query(Post).search(Post.words, words).take(10)]

    @mutation
    def join(ctx: MutationCtx, name: str) -> Id[User]:
        return ctx.db.insert(User(name=name))

    @mutation
    def write(ctx: MutationCtx, author: Id[User], text: str) -> Id[Post]:
        return ctx.db.insert(Post(author=author, text=text))
"""
MODULES = {"__init__": "", "schema": SCHEMA, "posts": FUNCTIONS}


@pytest.fixture
def server(tmp_path: Path) -> Generator[Running, None, None]:
    with running(tmp_path / "app", MODULES) as server:
        yield server


def application_zip(path: Path) -> bytes:
    """Users and posts under numbers that they do not have here."""
    user, post = document_id(10_090, 1), document_id(10_080, 1)
    tables = [{"name": "users", "id": 10_090}, {"name": "posts", "id": 10_080}]
    members = {
        "_tables/documents.jsonl": lines(tables),
        "users/documents.jsonl": lines([{"_id": user, "_creationTime": 1.7e12, "name": "Ada"}]),
        "posts/documents.jsonl": lines(
            [{"_id": post, "_creationTime": 1.7e12, "author": user, "text": "hi"}]
        ),
    }
    return write_zip(path, members).read_bytes()


def test_live_queries_run_again_and_new_documents_refer_to_imported_ones(
    server: Running, tmp_path: Path
) -> None:
    updates: queue.Queue[Update[Any]] = queue.Queue()
    with SyncClient(server.url) as client, client.subscribe("posts:of", updates.put, name="Ada"):
        assert updates.get(timeout=SECONDS).state == "connecting"
        assert updates.get(timeout=SECONDS).value == []
        state = perform(server, upload(server, application_zip(tmp_path / "app.zip"), "requireEmpty"))
        assert (state["state"], state["num_rows_written"]) == ("completed", "2")
        assert updates.get(timeout=SECONDS).value == ["hi"]
        new = client.mutation("posts:write", author=document_id(10_090, 1), text="more")
        assert str(new)[:4] == document_id(10_080, 1)[:4]
        assert updates.get(timeout=SECONDS).value == ["hi", "more"]
        assert client.query("posts:texts") == ["hi", "more"]
    assert (
        server.post("mutation", path="posts:join", args={"name": "Ada"})["errorData"]["code"] == "not_unique"
    )


def test_imported_documents_are_found_by_their_words(server: Running, tmp_path: Path) -> None:
    old = server.value("mutation", "posts:join", name="Old")
    server.value("mutation", "posts:write", author=old, text="hi from before")
    assert server.value("query", "posts:search", words="hi") == ["hi from before"]
    perform(server, upload(server, application_zip(tmp_path / "app.zip"), "replace"))
    assert server.value("query", "posts:search", words="hi") == ["hi"]
    server.value("mutation", "posts:write", author=document_id(10_090, 1), text="hi again and again")
    more = lines([{"author": document_id(10_090, 1), "text": "hi to you"}]).encode()
    perform(server, upload(server, more, "append", "jsonLines", "posts"))
    assert sorted(server.value("query", "posts:search", words="hi")) == [
        "hi",
        "hi again and again",
        "hi to you",
    ]
    assert server.value("query", "posts:search", words="before") == []


def test_the_data_are_the_same_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "app", MODULES) as server:
        perform(server, upload(server, application_zip(tmp_path / "app.zip"), "requireEmpty"))
        before = server.value("query", "posts:of", name="Ada")
    with running(tmp_path / "app", MODULES) as server:
        assert server.value("query", "posts:of", name="Ada") == before == ["hi"]
        assert server.value("query", "posts:search", words="hi") == ["hi"]
        assert server.value("mutation", "posts:join", name="Bob").startswith(document_id(10_090, 1)[:3])


def test_queries_between_the_upload_and_the_confirmation_see_the_old_state(
    server: Running, tmp_path: Path
) -> None:
    ada = server.value("mutation", "posts:join", name="Old")
    server.value("mutation", "posts:write", author=ada, text="old")
    id = upload(server, application_zip(tmp_path / "app.zip"), "replace")
    state = state_of(server, id, "waiting_for_confirmation")
    assert state["require_manual_confirmation"] is True
    assert [line.split() for line in state["message_to_confirm"].splitlines()[1:]] == [
        ["table", "add", "delete", "keep"],
        ["posts", "1", "1", "0"],
        ["users", "1", "1", "0"],
    ]
    assert server.value("query", "posts:texts") == ["old"]
    assert perform(server, id)["state"] == "completed"
    assert server.value("query", "posts:texts") == ["hi"]


def test_an_import_that_no_longer_fits_fails_and_changes_nothing(server: Running) -> None:
    id = upload(server, lines([{"name": "new"}]).encode(), "requireEmpty", "jsonLines", "users")
    state_of(server, id, "waiting_for_confirmation")
    server.value("mutation", "posts:join", name="first")
    state = perform(server, id)
    assert state["state"] == "failed"
    assert state["error_message"] == (
        "the data changed while the import was prepared: the table users was empty and holds documents now. "
        "Run it again"
    )
    assert server.value("mutation", "posts:join", name="new")


def test_code_that_is_reloaded_meanwhile_is_what_rows_are_checked_against(
    server: Running, tmp_path: Path
) -> None:
    id = upload(server, lines([{"name": "new"}]).encode(), "requireEmpty", "jsonLines", "users")
    state_of(server, id, "waiting_for_confirmation")
    backend = write_application(
        tmp_path / "app", schema=SCHEMA.replace("name: str", "name: str\n        age: int")
    )
    done: queue.Queue[BaseException | None] = queue.Queue()
    release = load_application(backend, activate=False)
    server.call(lambda: server.deployment.reload(release, done.put))
    assert done.get(timeout=SECONDS) is None
    state = perform(server, id)
    assert state["state"] == "failed"
    assert "users.jsonl:1: `users.age`: expected int, got nothing" in state["error_message"]


def test_an_import_can_be_cancelled_and_another_one_replaces_it(server: Running) -> None:
    content = lines([{"name": "new"}]).encode()
    first = upload(server, content, "requireEmpty", "jsonLines", "users")
    state_of(server, first, "waiting_for_confirmation")
    second = upload(server, content, "requireEmpty", "jsonLines", "users")
    assert state_of(server, first, "failed")["error_message"] == "another import was begun"
    state_of(server, second, "waiting_for_confirmation")
    answer(server, "POST", "/api/cancel_import", {"importId": second})
    assert state_of(server, second, "failed")["error_message"] == "the import was cancelled"
    assert ask(server, "POST", "/api/perform_import", {"importId": second}).status_code == 400
    assert list((server.deployment.settings.data / "uploads").iterdir()) == []
    assert not (server.deployment.settings.data / "import.db").exists()


def test_an_import_that_waits_when_the_server_stops_has_failed_afterwards(tmp_path: Path) -> None:
    with running(tmp_path / "app", MODULES) as server:
        id = upload(server, lines([{"name": "new"}]).encode(), "append", "jsonLines", "users")
        state_of(server, id, "waiting_for_confirmation")
    with running(tmp_path / "app", MODULES) as server:
        assert (
            "the server was restarted; nothing was changed" in state_of(server, id, "failed")["error_message"]
        )
        assert server.value("query", "posts:texts") == []


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "app", MODULES, limits={"import_bytes": 10}) as server:
        token = answer(server, "POST", "/api/import/start_upload")["uploadToken"]
        target = f"/api/import/upload_part?uploadToken={token}&partNumber=1"
        response = ask(server, "POST", target, b"x" * 11)
        assert response.status_code == 400
        assert "larger than 10 bytes: raise the limit import_bytes" in response.json()["message"]


def test_an_export_is_one_state_and_can_be_fetched(server: Running) -> None:
    server.value("mutation", "posts:join", name="Ada")
    answer(server, "POST", "/api/export/request/zip?includeStorage=false")
    end = time.monotonic() + SECONDS
    export: dict[str, Any] = {"state": ""}
    while export["state"] != "completed" and time.monotonic() < end:
        export = query(server, "_system/cli/exports:getLatest")
    response = ask(server, "GET", f"/api/export/zip/{export['start_ts']}")
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"].endswith(f"snapshot_{export['start_ts']}.zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        [row] = archive.read("users/documents.jsonl").splitlines()
        assert json.loads(row)["name"] == "Ada"
        assert not [name for name in archive.namelist() if name.startswith("_") and "_tables" not in name]
    assert ask(server, "HEAD", f"/api/export/zip/{export['start_ts']}").status_code == 200


def test_records_of_imports_are_kept_in_bounds(server: Running) -> None:
    for _ in range(25):
        id = upload(server, lines([{"name": "new"}]).encode(), "append", "jsonLines", "users")
        state_of(server, id, "waiting_for_confirmation", "failed")
    assert len(query(server, "_system/cli/queryImport:list")) == 20
    assert ImportJob.__definition__.table == "_imports"


def test_a_store_that_was_loaded_is_whole(tmp_path: Path) -> None:
    with running(tmp_path / "app", MODULES) as server:
        perform(server, upload(server, application_zip(tmp_path / "app.zip"), "requireEmpty"))
        server.value("mutation", "posts:write", author=document_id(10_090, 1), text="more")
        clock = server.deployment._clock  # pyright: ignore[reportPrivateUsage] - to open the same store again
        data = server.deployment.settings.data
    with Store.open(data, clock=clock) as store:
        assert store.check() == []


def test_a_key_for_reading_exports_and_neither_imports_nor_sees_secrets(tmp_path: Path) -> None:
    data = tmp_path / "app" / "data"
    data.mkdir(parents=True)
    _, key = create_key(data, "syncline", "reader", "read", None, int(time.time()), SeededEntropy(1))
    with running(tmp_path / "app", MODULES) as server:
        assert ask(server, "GET", "/api/check_admin_key", key=key).json()["isReadOnly"] is True
        assert ask(server, "GET", "/api/export/zip/1", key=key).json()["code"] == "ExportNotFound"
        for method, path in (
            ("POST", "/api/import/start_upload"),
            ("POST", "/api/perform_import"),
            ("POST", "/api/update_environment_variables"),
            ("GET", "/api/list_environment_variables"),
        ):
            assert ask(server, method, path, key=key).json()["code"] == "KeyScope"
        page = {"numItems": 1, "cursor": None}
        for function, args in (
            ("queryEnvironmentVariables", {}),
            ("queryEnvironmentVariables:get", {"name": "A"}),
            ("tableData", {"table": "_environment_variables", "paginationOpts": page}),
        ):
            body = {"path": f"_system/cli/{function}", "args": args, "format": "json"}
            refused = ask(server, "POST", "/api/query", body, key).json()
            assert refused["status"] == "error", function
            assert refused["errorData"]["code"] == "forbidden"
        body = {"path": "_system/cli/tableData", "args": {"table": "users", "paginationOpts": page}}
        assert ask(server, "POST", "/api/query", body, key).json()["status"] == "success"


def test_imported_documents_are_counted_and_found_by_their_vectors(tmp_path: Path) -> None:
    schema = """
        from syncline import Aggregate, Document, VectorIndex

        class Item(Document):
            name: str
            size: int
            embedding: list[float] | None = None

            by_name = Aggregate("size", by=("name",))
            nearest = VectorIndex("embedding", dimensions=3)
    """
    functions = """
        from syncline import QueryCtx, query
        from .schema import Item

        @query
        def total(ctx: QueryCtx) -> float | None:
            return ctx.db.sum(Item.by_name)

        @query
        def near(ctx: QueryCtx) -> list[str]:
            found = ctx.db.query(Item).nearest(Item.nearest, [1.0, 0.0, 0.0], limit=1)
            return [item.name for item in found.all()]
    """
    with running(tmp_path / "app", {"__init__": "", "schema": schema, "items": functions}) as server:
        first = [
            {"_id": document_id(10_321, 1), "name": "a", "size": 3, "embedding": [0.0, 1.0, 0.0]},
            {"_id": document_id(10_321, 2), "name": "b", "size": 4, "embedding": [0.9, 0.1, 0.0]},
        ]
        perform(server, upload(server, lines(first).encode(), "requireEmpty", "jsonLines", "items"))
        assert (server.value("query", "items:total"), server.value("query", "items:near")) == (7.0, ["b"])
        second = [
            {"name": "c", "size": 1, "embedding": [1.0, 0.0, 0.0]},
            {"name": "d", "size": 1, "embedding": [0.0, 0.0, 1.0]},
        ]
        perform(server, upload(server, lines(second).encode(), "replace", "jsonLines", "items"))
        assert (server.value("query", "items:total"), server.value("query", "items:near")) == (2.0, ["c"])
