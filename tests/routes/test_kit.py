"""`backend.request` and errors at load: what authors of routes meet before they start a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.applications import write_application
from support.hooks_app import HOOKS
from support.processes import syncline
from syncline.functions import load_application
from syncline.http import RouteTable
from syncline.kernel.errors import SetupError
from syncline.testing.backend import Backend

MOUNT = {
    "app": """
        from fastapi import FastAPI, Request
        from syncline import App, context

        from . import notes

        api = FastAPI()


        @api.get("/notes")
        async def show(request: Request) -> list[str]:
            return await context(request).run(notes.list_notes)


        app = App(mounts={"/v1": api})
    """
}


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    release = load_application(write_application(tmp_path, **HOOKS, **MOUNT))
    backend = Backend(release)
    yield backend
    backend.close()
    release.modules.close()


def test_a_test_calls_routes_as_anybody_and_as_somebody(backend: Backend) -> None:
    answer = backend.request("POST", "/notes/hello")
    assert (answer.status_code, answer.json()["notes"]) == (201, ["hello"])
    assert "[LOG] 'adding' 'hello'" in backend.logs
    assert backend.request("GET", "/who").text == "nobody"
    assert backend.signed_in("alice").request("GET", "/who").text == "alice"
    assert backend.request("GET", "/v1/notes").json() == ["hello"]


def test_a_test_sends_raw_bodies_json_forms_and_headers(backend: Backend) -> None:
    assert backend.request("POST", "/raw", content=b"abc").content == b"cba"
    assert backend.request("POST", "/sync-json", json={"a": [1]}).json()["got"] == {"a": [1]}
    assert backend.request("POST", "/raw", data={"a": "b c"}).text == "c+b=a"
    answer = backend.request("GET", "/numbers/1/x%20y?q=2", headers={"X-Forwarded-Proto": "https"})
    assert answer.json() == [1, "x y", "/numbers/1/x y", "https", {"q": "2"}]
    assert answer.headers["content-type"] == "application/json"
    assert backend.request("GET", "/nothing").status_code == 404
    assert "ValueError" in backend.request("GET", "/fail").json()["trace"]
    assert backend.request("GET", "/stream/2").text.startswith("0\nx")


def load(folder: Path, source: str) -> RouteTable:
    head = "from starlette.requests import Request\nfrom starlette.responses import Response\n"
    head += "from syncline import ActionCtx, App, Cors, SyncActionCtx, SyncRequest, route\n"
    backend = write_application(folder, __init__="", hooks=head + source)
    release = load_application(backend, activate=False)
    release.modules.close()
    return RouteTable(release.routes)


GOOD = "async def hook(ctx: ActionCtx, request: Request) -> Response: ...\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('@route("/api/hook")\n' + GOOD, "/api/hook is reserved: the function and sync endpoints"),
        ('@route("/docs")\n' + GOOD, "/docs is reserved: the reference of the functions is there"),
        ('@route("/_/x")\n' + GOOD, "/_/x is reserved: the dashboard is there"),
        ('@route("/http/x")\n' + GOOD, "/http/x is reserved: it is the other address of all routes"),
        ('@route("hook")\n' + GOOD, "'hook' is no path: it must begin with one /"),
        ('@route("/a//b")\n' + GOOD, "'/a//b' is no path"),
        ('@route("/a", methods=["FETCH"])\n' + GOOD, "methods are some of GET, POST"),
        ('@route("/a", timeout=0)\n' + GOOD, "timeout=0 must be a number of seconds above 0"),
        ('@route("/a/{b:nothing}")\n' + GOOD, "the path has a mistake"),
        (
            '@route("/a/{b}")\nasync def hook(ctx: ActionCtx, request: Request, c: str) -> Response: ...\n',
            "hook wants 'c', which is no parameter of the path (it has b)",
        ),
        (
            '@route("/a")\nasync def hook(ctx: ActionCtx) -> Response: ...\n',
            "hook must take its context and the request first",
        ),
        (
            '@route("/a", cors=Cors(credentials=True))\n' + GOOD,
            "would let every page of the web use the visitor's cookies",
        ),
        (
            '@route("/a")\n' + GOOD + '@route("/a")\n' + GOOD.replace("hook", "other"),
            "two routes answer GET /a:",
        ),
        (
            '@route("/a/{b}")\n'
            + GOOD
            + '@route("/a/{c:str}", methods=["POST", "GET"])\n'
            + GOOD.replace("hook", "other"),
            "two routes answer GET /a/{c:str}:",
        ),
        ('app = App(mounts={"/auth": print})\n', "/auth is reserved"),
        ('app = App(mounts={"/v1": print, "/v1/": print})\n', "something is mounted there already"),
        ('app = App(mounts={"/v1": 5})\n', "5 is no web application"),
        ("app = App(anonymous_mounts=['/v1'])\n", "nothing is mounted at /v1"),
    ],
)
def test_what_is_wrong_is_refused_when_the_application_loads(tmp_path: Path, source: str, text: str) -> None:
    with pytest.raises(SetupError) as caught:
        load(tmp_path, source)
    assert text in str(caught.value)
    assert "hooks.py" in str(caught.value)


def test_two_routes_of_one_path_are_shown_with_both_files_and_lines(tmp_path: Path) -> None:
    head = "from starlette.requests import Request\nfrom starlette.responses import Response\n"
    head += "from syncline import ActionCtx, route\n\n\n"
    one, other = '@route("/a/{b}")\n' + GOOD, '\n@route("/a/{c}")\n' + GOOD.replace("hook", "other")
    write_application(tmp_path, hooks=head + one, others=head + other)
    with pytest.raises(SetupError) as caught:
        load_application(tmp_path / "backend", activate=False)
    shown = str(caught.value)
    assert "two routes answer GET /a/{c}:" in shown
    assert "backend/hooks.py:7  hook  /a/{b}\n  backend/others.py:8  other  /a/{c}\n" in shown
    checked = syncline("check", folder=tmp_path)
    assert checked.returncode == 1
    assert "backend/hooks.py:7  hook" in checked.stderr and "backend/others.py:8  other" in checked.stderr


def test_a_path_that_answers_other_methods_only_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    table = load(
        tmp_path,
        '@route("/a/{b:int}", methods=["GET", "PUT"])\n'
        + GOOD
        + '@route("/a/{c}", methods=["GET", "POST", "HEAD"])\n'
        + GOOD.replace("hook", "other")
        + '@route("/a/5", methods=["PUT"])\n'
        + GOOD.replace("hook", "exact"),
    )
    found = table.find("/a/5")
    assert found is not None and sorted(found.methods) == ["GET", "HEAD", "POST", "PUT"]
    names = {method: route.__name__ for method in found.methods if (route := found.of(method))}
    assert names == {"GET": "hook", "HEAD": "hook", "PUT": "exact", "POST": "other"}
    given = [found.params(route) for method in ("GET", "POST", "PUT") if (route := found.of(method))]
    assert given == [{"b": 5}, {"c": "5"}, {}]


def test_a_route_is_still_a_plain_function(tmp_path: Path) -> None:
    [route] = load(
        tmp_path,
        '@route("/a")\ndef hook(ctx: SyncActionCtx, request: SyncRequest) -> str:\n    "Doc."\n    return request',
    )
    assert route(None, "seen") == "seen" and route.__doc__ == "Doc." and route.__name__ == "hook"
