"""Mounted applications: FastAPI, Flask and plain ASGI ones, with contexts, lifespans and their own failures."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from support.hooks_app import HOOKS
from support.serving import Running, running
from syncline.functions import load_application
from syncline.kernel.errors import SetupError
from syncline.server.settings import Mode

APP = {
    "app": """
        import asyncio
        import threading
        from collections.abc import AsyncIterator
        from contextlib import asynccontextmanager

        import flask
        from fastapi import FastAPI, HTTPException, Request
        from fastapi.responses import StreamingResponse
        from syncline import App, context, sync_context

        from . import notes

        events: list[str] = []


        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
            events.append("started")
            yield {"greeting": "hello"}
            events.append("stopped")


        api = FastAPI(lifespan=lifespan)


        @api.get("/items/{item}")
        async def item(item: int, request: Request) -> dict[str, object]:
            await context(request).run(notes.add, text=f"item {item}")
            print("looked at", item)
            return {
                "item": item,
                "notes": await context(request).run(notes.list_notes),
                "greeting": request.state.greeting,
                "thread": threading.current_thread().name,
                "url": str(request.url_for("item", item=item)),
            }


        @api.post("/echo")
        async def echo(request: Request) -> int:
            return len(await request.body())


        @api.get("/stream")
        async def stream() -> StreamingResponse:
            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(3):
                    yield b"piece "
                    await asyncio.sleep(0)

            return StreamingResponse(pieces())


        @api.get("/fail")
        async def fail() -> None:
            raise ValueError("inner secret")


        legacy = flask.Flask("legacy")


        @legacy.route("/hello/<name>", methods=["GET", "POST"])
        def hello(name: str) -> dict[str, object]:
            ctx = sync_context(flask.request.environ)
            return {
                "name": name,
                "notes": ctx.run(notes.list_notes),
                "root": flask.request.script_root,
                "size": len(flask.request.get_data()),
            }


        async def bare(scope: dict, receive: object, send: object) -> None:
            if scope["type"] != "http":
                raise RuntimeError("no lifespan here")
            if scope["path"].endswith("/crash"):
                raise ValueError("crashed")
            body = f"{scope['root_path']} {scope['path']}".encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})


        app = App(mounts={"/v1": api, "/v1/bare": bare, "/legacy": legacy})
    """
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), HOOKS | APP) as server:
        yield server


def wait_for_log(server: Running, text: str) -> None:
    """A request is reported when it has ended, which is after its answer."""
    for _ in range(2_000):
        if text in server.log.getvalue():
            return
        server.http.get("/version")
    raise AssertionError(f"{text!r} is not in\n{server.log.getvalue()}")


def test_a_fastapi_application_serves_and_calls_functions(server: Running) -> None:
    answer = server.http.get("/v1/items/3").json()
    assert answer["item"] == 3 and answer["notes"] == ["item 3"]
    assert answer["greeting"] == "hello", "what its lifespan left"
    assert answer["thread"] == "syncline-mounts"
    assert answer["url"] == f"{server.url}/v1/items/3"
    assert server.http.get("/v1/items/x").status_code == 422
    wait_for_log(server, "'looked at' 3")


def test_its_own_documentation_is_below_its_path(server: Running) -> None:
    assert "/items/{item}" in server.http.get("/v1/openapi.json").json()["paths"]
    assert server.http.get("/v1/docs").status_code == 200
    assert server.http.get("/http/v1/stream").text == "piece piece piece "


def test_bodies_and_streams_pass_through(server: Running) -> None:
    assert server.http.post("/v1/echo", content=b"x" * 3_000_000).json() == 3_000_000
    assert server.http.get("/v1/stream").text == "piece piece piece "


def test_longer_paths_come_first_and_routes_before_mounts(server: Running) -> None:
    assert server.http.get("/v1/bare/x").text == "/v1/bare /v1/bare/x"
    assert server.http.get("/v1/barely").status_code == 404
    assert server.http.get("/numbers/first").text == "first"


def test_a_wsgi_application_serves_and_calls_functions(server: Running) -> None:
    answer = server.http.post("/legacy/hello/ann", content=b"12345").json()
    assert answer["name"] == "ann" and answer["root"] == "/legacy" and answer["size"] == 5
    assert isinstance(answer["notes"], list)


def test_a_failure_is_answered_and_reported(server: Running) -> None:
    assert server.http.get("/v1/fail").status_code == 500
    wait_for_log(server, "ValueError: inner secret")
    crash = server.http.get("/v1/bare/crash")
    assert crash.status_code == 500
    wait_for_log(server, crash.json()["requestId"])
    assert server.http.get("/v1/bare/x").status_code == 200


def test_bodies_are_bounded(tmp_path: Path) -> None:
    with running(tmp_path, HOOKS | APP, limits={"mount_body_bytes": 1000}) as server:
        assert server.http.post("/v1/echo", content=b"x" * 1000).json() == 1000
        assert server.http.post("/v1/echo", content=b"x" * 1001).status_code == 413
        too_much = server.http.post("/v1/echo", content=iter([b"x" * 600] * 3))
        assert too_much.status_code == 413


def test_a_reload_starts_the_new_ones_and_ends_the_old_ones(tmp_path: Path) -> None:
    with running(tmp_path, HOOKS | APP) as server:
        old = server.deployment.release.modules.modules["backend.app"]
        file = tmp_path / "backend" / "app.py"
        file.write_text(file.read_text().replace('"greeting": "hello"', '"greeting": "good day"'))
        release = load_application(tmp_path / "backend", activate=False)
        reloaded = threading.Event()
        server.call(lambda: server.deployment.reload(release, lambda error: reloaded.set()))
        assert reloaded.wait(20)
        assert server.http.get("/v1/items/1").json()["greeting"] == "good day"
        for _ in range(2_000):
            if old.events == ["started", "stopped"]:
                break
            server.http.get("/version")
        assert old.events == ["started", "stopped"]
        new = server.deployment.release.modules.modules["backend.app"]
    assert new.events == ["started", "stopped"], "shut down with the server"


def test_an_application_that_does_not_start_is_named(tmp_path: Path) -> None:
    app = APP["app"].replace('events.append("started")', 'raise RuntimeError("no database")')
    with (
        pytest.raises(SetupError, match=r"mounted at /v1 failed to start: RuntimeError: no database"),
        running(tmp_path, HOOKS | {"app": app}),
    ):
        pass


def test_with_ways_to_sign_in_mounts_and_routes_need_a_signed_in_caller(tmp_path: Path) -> None:
    app = APP["app"].replace(
        "App(mounts=",
        'App(auth=[OpenIDConnect(issuer="https://id.example", audience="a", jwks="https://id.example/jwks")], '
        'anonymous_mounts=["/v1/bare"], mounts=',
    )
    app = app.replace(
        "from . import notes", "from syncline.auth import OpenIDConnect\n\n        from . import notes"
    )
    with running(tmp_path, HOOKS | {"app": app}, mode=Mode.START) as server:
        for path in ("/v1/items/1", "/legacy/hello/x", "/who", "/notes"):
            answer = server.http.get(path)
            assert answer.status_code == 401, path
            assert "it is not declared anonymous=True" in answer.json()["message"]
        assert server.http.get("/v1/bare/x").status_code == 200
        assert server.http.post("/notes/hi").status_code == 201
        admin = {"authorization": f"Convex {server.admin_key}"}
        assert server.http.get("/who", headers=admin).text == "nobody"


BROKEN = """
    from starlette.applications import Starlette
    from starlette.routing import Route
    from syncline import App


    async def broken(request):
        raise RuntimeError("planted: the text of a bug")


    async def bare(scope, receive, send):
        raise RuntimeError("planted: the text of a bug")


    app = App(mounts={"/v1": Starlette(routes=[Route("/broken", broken)]), "/bare": bare})
"""


def test_the_text_of_a_bug_in_a_mount_is_in_the_log_and_nowhere_else_in_production(tmp_path: Path) -> None:
    with running(tmp_path, {"app": BROKEN}, mode=Mode.START) as server:
        answers = [server.http.get(path) for path in ("/v1/broken", "/bare/x")]
    for answer in answers:
        assert answer.status_code == 500 and "planted" not in answer.text and "Traceback" not in answer.text
    log = server.log.getvalue()
    assert log.count("RuntimeError: planted: the text of a bug") >= len(answers)
    assert answers[1].json()["requestId"] in log
