"""What strangers can do to a server in production, with the limits that it has by default: not much.

Beside these, tests/http has the limits on single frames, bodies and headers, tests/sync those of sessions, tests/server
those of keys, and tests/fuzz sends everything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.raw_http import RawConnection
from support.restartable import ADMIN_KEY, RestartableServer
from support.sockets import TEXT, SyncSocket, frame
from syncline.sync.arguments import canonical_arguments

BACKEND = Path(__file__).parents[1] / "fuzz" / "backend"

_REDACTED = re.compile(r"\[Request ID: ([0-9a-f]{16})\] Server Error").fullmatch


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableServer]:
    folder = tmp_path_factory.mktemp("server")
    site = folder / "site"
    site.mkdir()
    (site / "index.html").write_text("the site")
    (folder / "secret.txt").write_text("the secret of the folder")
    (site / "link.txt").symlink_to(folder / "secret.txt")
    (site / "linked").symlink_to(folder, target_is_directory=True)
    (site / ".env").write_text("the secret of the site")
    (site / ".git").mkdir()
    (site / ".git" / "config").write_text("the secret of the repository")
    with RestartableServer(BACKEND, folder, site=site) as server:
        yield server


def call(server: RestartableServer, endpoint: str, path: str, **args: object) -> dict[str, Any]:
    url = f"http://127.0.0.1:{server.port}/api/{endpoint}"
    answer: dict[str, Any] = httpx.post(url, json={"path": path, "args": args}, timeout=30).json()
    return answer


def failure(client: SyncSocket, query: int) -> dict[str, Any]:
    """The failure of a query; everything else is passed over."""
    while True:
        for modification in client.receive().get("modifications", ()):
            if modification["queryId"] == query:
                assert modification["type"] == "QueryFailed", modification
                failed: dict[str, Any] = modification
                return failed


# Deep and large values


@pytest.mark.parametrize("depth", [16, 63, 64, 65, 1_000, 8_000_000])
def test_deep_values_are_refused_on_every_way_in(server: RestartableServer, depth: int) -> None:
    value = "[" * depth + "]" * depth
    body = f'{{"path":"things:keep","args":{{"value":{value}}}}}'
    answer = httpx.post(f"http://127.0.0.1:{server.port}/api/mutation", content=body, timeout=60)
    # A caller's mistake, of which production tells too, and no bug.
    assert answer.status_code == 400 or answer.json()["errorData"]["code"] in ("limit", "invalid_argument")
    with SyncSocket(server.port) as client:
        client.connect()
        message = f'{{"type":"Mutation","requestId":0,"udfPath":"things:keep","args":[{{"value":{value}}}]}}'
        client.send_raw(frame(TEXT, message.encode()))
        heard = client.receive()
        assert heard["type"] == "FatalError" or heard["success"] is False
    assert call(server, "query", "things:echo", value=1)["value"] == 1


@pytest.mark.parametrize("depth", [65, 1_000, 1_000_000])
def test_deep_arguments_of_queries_and_actions_are_refused_on_sockets_and_streams(
    server: RestartableServer, depth: int
) -> None:
    value = "[" * depth + "]" * depth
    call = f'"udfPath":"things:echo","args":[{{"value":{value}}}]'
    added = f'{{"type":"Add","queryId":0,{call}}}'
    for message in (
        f'{{"type":"Action","requestId":0,{call}}}',
        f'{{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[{added}]}}',
    ):
        with SyncSocket(server.port) as client:
            client.connect()
            client.send_raw(frame(TEXT, message.encode()))
            heard = client.receive()
            failed = [each["type"] for each in heard.get("modifications", ())] == ["QueryFailed"]
            assert heard["type"] == "FatalError" or heard.get("success") is False or failed, heard
    if depth < 100_000:  # More does not fit into an address.
        args = f'{{"value":{value}}}'
        url = f"http://127.0.0.1:{server.port}/api/watch/things:echo"
        with httpx.stream("GET", url, params={"args": args}, timeout=30) as stream:
            assert stream.status_code == 400 or '"errorMessage"' in next(
                line for line in stream.iter_lines() if line.startswith("data: ")
            )
    assert call_echo(server) == 1


def call_echo(server: RestartableServer) -> object:
    return call(server, "query", "things:echo", value=1)["value"]


def test_large_arguments_are_not_worked_through_on_the_event_loop() -> None:
    """Nobody is served there meanwhile."""
    small, large = b'{"b": 1, "a": 2}', b'{"b": [' + b"1," * 40_000 + b'1], "a": 2}'
    assert canonical_arguments(small) == b'{"a":2.0,"b":1.0}'
    assert canonical_arguments(large) is large


# Clients that want too much


def test_subscriptions_beyond_the_limit_fail_and_the_others_go_on(server: RestartableServer) -> None:
    with SyncSocket(server.port) as client:
        client.connect()
        adds = [
            {"type": "Add", "queryId": number, "udfPath": "things:echo", "args": [{"value": number}]}
            for number in range(513)
        ]
        client.modify(*adds)
        shown = {each["queryId"]: each for each in client.receive()["modifications"]}
        assert {each["type"] for number, each in shown.items() if number < 512} == {"QueryUpdated"}
        assert shown[512]["type"] == "QueryFailed"
        assert shown[512]["errorData"]["code"] == "limit"
        assert "the limit is 512" in shown[512]["errorData"]["message"]


def test_a_flood_of_mutations_ends_its_socket_and_no_other(server: RestartableServer) -> None:
    with SyncSocket(server.port) as quiet, SyncSocket(server.port) as flooding:
        quiet.connect()
        flooding.connect()
        message = {"type": "Mutation", "udfPath": "things:keep", "args": [{"name": "flood"}]}
        messages = [json.dumps({**message, "requestId": number}).encode() for number in range(20_000)]
        try:
            flooding.send_raw(b"".join(frame(TEXT, each) for each in messages))
            assert flooding.closed_with() == (1013, "TooManyConcurrentMutations")
        except ConnectionError:
            pass  # It was cut off while it still sent.
        quiet.mutate(0, "things:keep", name="quiet")
        assert quiet.response(0)["success"] is True


def test_a_client_that_does_not_read_costs_no_more_than_one_transition(server: RestartableServer) -> None:
    changes, size = 80, 500_000
    with SyncSocket(server.port) as deaf, SyncSocket(server.port) as writer:
        writer.connect()

        def change(number: int) -> None:
            writer.mutate(number, "things:put", name="large", value=f"{number} " + "x" * size)
            assert writer.response(number)["success"] is True

        for number in range(changes):  # Caches fill up.
            change(number)
        before = server.memory()
        deaf.connect()
        deaf.subscribe(0, "things:newest", name="large")
        for number in range(changes, 2 * changes):
            change(number)
        assert server.memory() - before < changes * size / 2
        # It is shown the newest state when it reads after all.
        assert call(server, "mutation", "things:put", name="large", value="the end")["status"] == "success"
        shown = 1
        while deaf.value(0) != "the end":
            shown += 1
        assert shown < changes / 2


# Files


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/../../secret.txt",
        "/x/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..;/secret.txt",
        "/.%00./secret.txt",
        "//../secret.txt",
        "/./../secret.txt",
        "/\\..\\secret.txt",
        "http://test/../secret.txt",
        "/link.txt",
        "/../data/admin_key",
        "/../pyproject.toml",
        "/_syncline/../../secret.txt",
        "/_syncline/%2e%2e/connection.py",
        "/etc/passwd",
        "//etc/passwd",
        "/%252e%252e/secret.txt",
        "/.%2e/secret.txt",
        "/..%00/secret.txt",
        "/%00/../secret.txt",
        "/secret.txt%00.html",
        "/%c0%ae%c0%ae/secret.txt",
        "/..%c0%afsecret.txt",
        "/%uff0e%uff0e/secret.txt",
        "/..../secret.txt",
        "/linked/secret.txt",
        "/linked/../secret.txt",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/api/storage/../../data/admin_key",
        "/api/storage/..%2f..%2fadmin_key",
        "/api/storage/%2e%2e/admin_key",
        "/api/storage/..%00",
        "/api/storage//etc/passwd",
        "/_syncline/..%2f..%2fsecret.txt",
        "/docs/..%2fsecret.txt",
        "file:///etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_site(server: RestartableServer, path: str) -> None:
    """Sent as they stand: libraries tidy paths up."""
    with RawConnection(server.port) as connection:
        connection.send(f"GET {path} HTTP/1.1\r\nhost: test\r\naccept: */*\r\n\r\n".encode())
        answer = connection.read()
    assert answer is not None and answer.status in (400, 401, 403, 404)
    assert not [each for each in (b"the secret", b"root:", ADMIN_KEY.encode()) if each in answer.body]


# What is told


def test_the_text_of_a_bug_is_in_the_log_and_nowhere_else(server: RestartableServer) -> None:
    """The same for all ways in, and in an outcome that a live query keeps."""
    told: list[str] = []
    for endpoint in ("mutation", "action"):
        answer = call(server, endpoint, f"things:{'broken' if endpoint == 'mutation' else 'relay_broken'}")
        assert set(answer) == {"status", "errorMessage"}
        told.append(answer["errorMessage"])
    with SyncSocket(server.port) as client:
        client.connect()
        client.mutate(0, "things:broken")
        response = client.response(0)
        assert response["logLines"] == [] and "errorData" not in response
        told.append(response["result"])
        client.subscribe(0, "things:broken_query")
        failed = failure(client, 0)
        assert failed["logLines"] == [] and "errorData" not in failed
        told.append(failed["errorMessage"])
    with httpx.stream(
        "GET", f"http://127.0.0.1:{server.port}/api/watch/things:broken_query", timeout=30
    ) as stream:
        data = next(line for line in stream.iter_lines() if line.startswith("data: "))
        told.append(json.loads(data.removeprefix("data: "))["errorMessage"])
    log = server.log
    for message in told:
        found = _REDACTED(message)
        assert found is not None, message
        assert found[1] in log
    assert "ValueError: the text of a bug" in log


def test_keys_do_not_get_into_the_log(server: RestartableServer) -> None:
    url = f"http://127.0.0.1:{server.port}/api/function"
    body = {"path": "things:secret"}
    wrong = ADMIN_KEY[:-1] + "x"
    for key in (ADMIN_KEY, wrong):
        httpx.post(url, json=body, headers={"authorization": f"Convex {key}"}, timeout=30)
        httpx.post(url, params={"adminKey": key}, json=body, timeout=30)
        httpx.get(f"http://127.0.0.1:{server.port}/api/nothing", params={"adminKey": key}, timeout=30)
        with SyncSocket(server.port) as client:
            client.connect()
            client.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=key)
            assert client.receive()["type"] == ("Transition" if key == ADMIN_KEY else "AuthError")
    assert ADMIN_KEY not in server.log and wrong not in server.log


def test_internal_functions_answer_strangers_like_missing_ones(server: RestartableServer) -> None:
    """On every way in, and after an admin has had the result."""
    url = f"http://127.0.0.1:{server.port}/api"
    admin = {"authorization": f"Convex {ADMIN_KEY}"}
    body = {"path": "things:secret"}
    assert httpx.post(f"{url}/query", json=body, headers=admin, timeout=30).json()["value"] == "the secret"

    def told(path: str) -> list[str]:
        answers = [str(call(server, "query", path))]
        answers.append(httpx.get(f"{url}/query", params={"path": path}, timeout=30).text)
        answers.append(httpx.post(f"{url}/run/{path.replace(':', '/')}", timeout=30).text)
        with httpx.stream("GET", f"{url}/watch/{path}", timeout=30) as stream:
            answers.append(next(line for line in stream.iter_lines() if line.startswith("data: ")))
        with SyncSocket(server.port) as client:
            client.connect()
            client.subscribe(0, path)
            answers.append(str(failure(client, 0)))
        return [re.sub(r"[0-9a-f]{16}", "-", answer.replace(path, "PATH")) for answer in answers]

    assert told("things:secret") == told("things:absent")


def test_arguments_that_do_not_fit_are_not_kept_in_the_record_of_calls(server: RestartableServer) -> None:
    """Among them may be a password that was sent with a wrong name or type."""
    wrong: list[object] = [
        {"name": {"planted": "planted-1"}},
        {"name": ["planted-2"]},
        {"name": "planted-3", "password": "planted-4"},
        {"value": "planted-5"},
        "planted-6",
    ]
    for args in wrong:
        body = {"path": "things:put", "args": args, "format": "json"}
        answer = httpx.post(f"http://127.0.0.1:{server.port}/api/mutation", json=body, timeout=30)
        assert answer.json()["status"] == "error"
    url = f"http://127.0.0.1:{server.port}/api/stream_function_logs?cursor=0"
    recorded = httpx.get(url, headers={"authorization": f"Convex {ADMIN_KEY}"}, timeout=30).text
    assert recorded.count('"identifier":"things:put"') >= len(wrong)
    assert "ArgumentValidationError: Object contains extra field `password`" in recorded
    assert "planted" not in recorded and "planted" not in server.log
