"""Routes over a real server: what they get, what they give, how they fail, and who may call them."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.hooks_app import HOOKS
from support.serving import Responses, Running, request, running
from syncline.server.settings import Mode


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), HOOKS) as server:
        yield server


def wait_for(server: Running, word: str) -> list[str]:
    """What the application has seen, once `word` is the last of it."""
    seen: list[str] = []
    for _ in range(3_000):
        seen = server.http.get("/seen").json()
        if seen and seen[-1] == word:
            return seen
    raise AssertionError(seen)


def test_a_route_calls_functions_and_answers(server: Running) -> None:
    answer = server.http.post("/notes/hello")
    assert (answer.status_code, answer.json()) == (201, {"method": "POST", "notes": ["hello"]})
    assert server.http.put("/notes/again").json()["notes"] == ["hello", "again"]
    assert "POST /notes/{text}" in server.log.getvalue()
    assert "adding" in server.log.getvalue()


def test_a_plain_function_runs_in_a_thread(server: Running) -> None:
    assert server.http.get("/notes").json()["thread"] == "syncline-action"


def test_the_same_routes_answer_below_the_alias_of_official_site_urls(server: Running) -> None:
    assert server.http.get("/http/numbers/first").text == "first"
    assert server.http.get("/http/numbers/7/a").json()[:3] == [7, "a", "/numbers/7/a"]
    missing = server.http.get("/http/nothing")
    assert (missing.status_code, missing.text) == (404, "No matching routes found")
    assert server.http.get("/http").status_code == 404


def test_path_parameters_are_converted_and_plain_paths_come_first(server: Running) -> None:
    answer = server.http.get("/numbers/42/a/b%20c?q=1")
    assert answer.json() == [42, "a/b c", "/numbers/42/a/b c", "http", {"q": "1"}]
    assert server.http.get("/numbers/first").text == "first"
    assert server.http.get("/numbers/none/x").status_code == 404


def test_other_methods_are_refused_with_those_that_are_allowed(server: Running) -> None:
    answer = server.http.post("/notes")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert server.http.options("/notes").status_code == 405
    head = server.http.head("/notes")
    assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) > 10


def test_bodies_are_raw_and_bounded(server: Running) -> None:
    body = bytes(range(256)) * 500
    answer = server.http.post("/raw", content=body)
    assert answer.content == body[::-1] and answer.headers["content-type"] == "application/x-backwards"
    assert server.http.post("/raw", content=b"x" * 200_001).status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 10_000

    refused = server.http.post("/raw", content=chunks())
    assert refused.status_code == 413 and "route body bytes" in refused.json()["message"]


def test_compressed_bodies_arrive_as_they_are(server: Running) -> None:
    answer = server.http.post("/raw", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert answer.content == b"\x8b\x1f"


@pytest.mark.parametrize("path", ["/digest", "/sync-digest"])
def test_large_bodies_stream_in_small_pieces(server: Running, path: str) -> None:
    piece = b"0123456789abcdef" * 4096
    answer = server.http.post(path, content=(piece for _ in range(160)))
    expected = hashlib.sha256(piece * 160).hexdigest()
    assert expected in answer.text
    if path == "/digest":
        assert answer.json()["largest"] <= 1_048_576


def test_a_plain_function_reads_json_and_text(server: Running) -> None:
    answer = server.http.post("/sync-json", content=b'{"a":1}')
    assert answer.json() == {"got": {"a": 1}, "as": '{"a":1}', "method": "POST"}


def test_answers_stream(server: Running) -> None:
    with server.http.stream("GET", "/stream/5") as answer:
        text = b"".join(answer.iter_bytes())
    assert text == b"".join(b"%d\n" % number + b"x" * 100_000 for number in range(5))
    assert server.http.get("/sync-stream").text == "0\n1\n2\n"


def test_a_slow_reader_holds_up_the_writer(server: Running) -> None:
    before = server.http.get("/seen").json().count("piece")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(request("GET", "/stream/1000"))
        assert client.recv(1000)
        produced = 0
        for _ in range(50):
            produced = server.http.get("/seen").json().count("piece") - before
        # Kernel buffers take some; the rest of the hundred megabytes waits for its reader.
        assert 0 < produced < 200
    wait_for(server, "closed")


def test_failures_are_a_500_with_a_request_id(server: Running, tmp_path: Path) -> None:
    answer = server.http.get("/fail")
    content = answer.json()
    assert answer.status_code == 500 and content["message"] == "secret detail"
    assert "ValueError" in content["trace"] and content["requestId"] in server.log.getvalue()
    with running(tmp_path, HOOKS, mode=Mode.START) as production:
        redacted = production.http.get("/fail").json()
        assert set(redacted) == {"code", "requestId"}
        assert redacted["code"] == f"[Request ID: {redacted['requestId']}] Server Error"
        assert redacted["requestId"] in production.log.getvalue()
        assert production.http.get("/refuse/app").json() == {"code": "app_error", "data": {"code": "no_tea"}}


def test_a_failure_in_the_middle_of_an_answer_cuts_the_connection(server: Running) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        server.http.get("/fail-late")


def test_refusals_have_their_own_statuses(server: Running) -> None:
    teapot = server.http.get("/refuse/teapot")
    assert (teapot.status_code, teapot.text, teapot.headers["x-lid"]) == (418, "short and stout", "yes")
    app = server.http.get("/refuse/app")
    assert (app.status_code, app.json()["data"]) == (400, {"code": "no_tea"})
    nobody = server.http.get("/refuse/other")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthenticated")


def test_what_is_no_response_is_refused_with_the_remedy(server: Running) -> None:
    assert "returned dict, not a Response: return one of" in server.http.get("/wrong").json()["message"]


@pytest.mark.parametrize("path", ["/slow", "/busy"])
def test_a_route_has_a_time_limit(server: Running, path: str) -> None:
    answer = server.http.get(path)
    assert answer.status_code == 500 and "was stopped after 0.2 s" in answer.json()["message"]


def test_a_client_that_leaves_cancels_a_route_that_asks_for_it(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(request("GET", "/wait"))
        wait_for(server, "waiting")
    wait_for(server, "cancelled")


def test_a_route_can_notice_that_its_client_has_left(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(request("GET", "/patient"))
        wait_for(server, "patient")
    wait_for(server, "done")


def test_a_foreign_authorization_is_nobody(server: Running) -> None:
    for header in ("Basic abc", "Bearer not.a.token", "Bearer", "Convex wrong|key", "x"):
        assert server.http.get("/who", headers={"authorization": header}).text == "nobody"


def preflight(server: Running, path: str, origin: str, method: str) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": method}
    headers["access-control-request-headers"] = "x-key"
    return server.http.options(path, headers=headers)


def test_pages_of_other_origins_may_call_what_says_so(server: Running) -> None:
    allowed = preflight(server, "/open", "https://b.example", "POST")
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert allowed.headers["access-control-allow-methods"] == "GET, POST, HEAD"
    assert allowed.headers["access-control-allow-headers"] == "x-key"
    answer = server.http.get("/open", headers={"origin": "https://b.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_policy_names_origins(server: Running) -> None:
    allowed = preflight(server, "/partner", "https://a.example", "DELETE")
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert allowed.headers["access-control-max-age"] == "60"
    assert allowed.headers["access-control-allow-headers"] == "X-Key"
    answer = server.http.get("/partner", headers={"origin": "https://a.example"})
    assert answer.headers["access-control-expose-headers"] == "X-Count" and answer.headers["vary"] == "Origin"
    assert preflight(server, "/partner", "https://b.example", "DELETE").status_code == 403
    other = server.http.get("/partner", headers={"origin": "https://b.example"})
    assert "access-control-allow-origin" not in other.headers


def test_without_a_policy_no_page_of_another_origin_may_call(server: Running) -> None:
    assert preflight(server, "/notes", "https://b.example", "GET").status_code == 405
    answer = server.http.get("/notes", headers={"origin": "https://b.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert preflight(server, "/options", "https://b.example", "GET").text == "own options"
    # The API's own preflights are as they were.
    assert preflight(server, "/api/query", "https://b.example", "POST").status_code == 200


def test_requests_on_one_connection_get_their_own_answers(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client, Responses(client) as responses:
        client.sendall(request("GET", "/numbers/first") + request("GET", "/version") + request("GET", "/who"))
        texts = [responses.next()[2] for _ in range(3)]
    assert texts[0] == b"first" and texts[2] == b"nobody"


def test_many_requests_at_once_are_all_answered(server: Running) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def ask(number: int) -> Any:
        return httpx.get(f"{server.url}/numbers/{number}/x").json()[0]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(200))) == list(range(200))


def test_too_many_requests_are_told_to_come_back(tmp_path: Path) -> None:
    limits = {"actions_running": 1, "actions_queued": 1}
    with running(tmp_path, HOOKS, limits=limits) as server:
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        for client in clients:
            client.sendall(request("GET", "/wait"))
        answer = server.http.get("/numbers/first")
        for _ in range(3_000):
            answer = server.http.get("/numbers/first")
            if answer.status_code == 503:
                break
            clients.append(socket.create_connection(("127.0.0.1", server.port)))
            clients[-1].sendall(request("GET", "/wait"))
        assert answer.status_code == 503 and "retry-after" in answer.headers
        assert json.loads(answer.text)["code"] == "overloaded"
        for client in clients:
            client.close()
