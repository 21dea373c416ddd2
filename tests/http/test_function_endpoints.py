"""The function endpoints over real HTTP: kinds, formats, envelopes, errors, credentials."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.notes import MODULES
from support.serving import Running, running
from syncline.server.settings import Mode

#: No arguments.
NONE: dict[str, object] = {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), MODULES) as server:
        yield server


def admin(server: Running, identity: object = None) -> dict[str, str]:
    acting = "" if identity is None else ":" + base64.b64encode(json.dumps(identity).encode()).decode()
    return {"Authorization": f"Convex {server.admin_key}{acting}"}


def test_a_query_a_mutation_and_an_action_answer_in_the_same_envelope(server: Running) -> None:
    added = server.post("mutation", path="notes:add", args={"text": "one", "list": "kinds"})
    assert added["status"] == "success" and set(added) == {"status", "value"}
    assert server.post("query", path="notes:list", args={"list": "kinds"}) == {
        "status": "success",
        "value": ["one"],
    }
    assert server.post("action", path="notes:calculate", args={"number": 4}) == {
        "status": "success",
        "value": 8,
    }
    assert server.value("action", "notes:twice", text="x") == 2


def test_a_query_after_a_mutation_sees_it(server: Running) -> None:
    for number in range(50):
        server.value("mutation", "notes:add", text=str(number), list="fresh")
        assert len(server.value("query", "notes:list", list="fresh")) == number + 1


@pytest.mark.parametrize("args", [{"text": "a"}, [{"text": "a"}]])
def test_arguments_are_an_object_or_an_array_of_one(server: Running, args: object) -> None:
    assert server.post("query", path="notes:shout", args=args)["value"] == "A"


@pytest.mark.parametrize("path", ["notes:shout", "notes.js:shout"])
def test_paths_may_have_the_extension(server: Running, path: str) -> None:
    assert server.post("query", path=path, args={"text": "a"})["value"] == "A"


def test_a_query_may_be_a_get(server: Running) -> None:
    answer = server.http.get("/api/query", params={"path": "notes:shout", "args": '{"text":"ö"}'})
    assert answer.json()["value"] == "Ö"
    assert server.http.get("/api/query", params={"path": "notes:me"}).json()["value"] is None
    assert server.http.get("/api/query").json()["code"] == "MissingIdentifier"
    assert server.http.get("/api/query?path=notes:count&args={").json()["code"] == "BadJsonBody"


def test_log_lines_come_in_development_only_when_there_are_any(server: Running, tmp_path: Path) -> None:
    assert server.post("query", path="notes:shout", args={"text": "log"})["logLines"] == [
        "[LOG] 'shouting' 'log'"
    ]
    with running(tmp_path, MODULES, mode=Mode.START) as production:
        assert "logLines" not in production.post("query", path="notes:shout", args={"text": "log"})


@pytest.mark.parametrize(
    ("format", "headers", "big", "data"),
    [
        (None, {}, "9007199254740993", "aGk="),
        ("json", {}, "9007199254740993", "aGk="),
        ("convex_clean_json", {}, "9007199254740993", "aGk="),
        ("convex_encoded_json", {}, {"$integer": "AQAAAAAAIAA="}, {"$bytes": "aGk="}),
        ("convex_json", {}, {"$integer": "AQAAAAAAIAA="}, {"$bytes": "aGk="}),
        ("export_json", {}, 9007199254740993, {"$bytes": "aGk="}),
        (None, {"Convex-Client": "npm-1.0.0"}, {"$integer": "AQAAAAAAIAA="}, {"$bytes": "aGk="}),
        (None, {"Convex-Client": "python-0.8.1"}, "9007199254740993", "aGk="),
    ],
)
def test_values_come_in_the_format_that_was_asked_for(
    server: Running, format: str | None, headers: dict[str, str], big: object, data: object
) -> None:
    body = {"path": "notes:values", "args": NONE, **({"format": format} if format else {})}
    value = server.http.post("/api/query", json=body, headers=headers).json()["value"]
    assert value == {"big": big, "bytes": data, "half": 0.5}


def test_an_application_error_has_data_and_a_bug_has_a_traceback(server: Running) -> None:
    refused = server.post("query", path="notes:refused", args=NONE)
    assert refused["status"] == "error" and refused["errorData"] == {"code": "no", "limit": 3}
    broken = server.post("query", path="notes:broken", args=NONE)
    assert "errorData" not in broken
    assert broken["errorMessage"].startswith("[Request ID: ")
    assert (
        "Server Error\nUncaught ValueError: a bug\n    at broken (backend/notes.py:" in broken["errorMessage"]
    )


def test_production_redacts_bugs_but_not_application_errors(tmp_path: Path) -> None:
    with running(tmp_path, MODULES, mode=Mode.START) as server:
        broken = server.post("query", path="notes:broken", args=NONE)
        assert broken == {"status": "error", "errorMessage": broken["errorMessage"]}
        assert broken["errorMessage"].endswith("Server Error")
        request_id = broken["errorMessage"].split("]")[0].split()[-1]
        assert server.post("query", path="notes:refused", args=NONE)["errorData"] == {
            "code": "no",
            "limit": 3,
        }
    log = server.log.getvalue()
    assert request_id in log and "ValueError: a bug" in log and "in broken" in log


def test_a_failed_mutation_changes_nothing(server: Running) -> None:
    before = server.value("query", "notes:count")
    answer = server.post("mutation", path="notes:refuse", args=NONE)
    assert (answer["status"], answer["errorData"]) == ("error", "bad")
    assert server.value("query", "notes:count") == before


def test_a_callers_own_request_id_is_used(server: Running) -> None:
    headers = {"Convex-Request-Id": "0123456789abcdef"}
    answer = server.http.post("/api/mutation", json={"path": "notes:refuse", "args": NONE}, headers=headers)
    assert answer.json()["errorMessage"].startswith("[Request ID: 0123456789abcdef] Server Error")


@pytest.mark.parametrize(
    ("endpoint", "body", "text"),
    [
        (
            "query",
            {"path": "notes:missing", "args": NONE},
            "Could not find public function for 'notes:missing'.",
        ),
        (
            "query",
            {"path": "notes:secret", "args": NONE},
            "Could not find public function for 'notes:secret'.",
        ),
        ("query", {"path": "nowhere", "args": NONE}, "Could not find public function for 'nowhere'."),
        (
            "mutation",
            {"path": "notes:count", "args": NONE},
            "Trying to execute notes.js:count as Mutation, but it is defined as Query.",
        ),
        (
            "query",
            {"path": "notes:count", "args": NONE, "componentPath": "lib"},
            "Could not find public function for 'notes:count' in 'lib'.",
        ),
        ("query", {"path": "notes:count", "args": [NONE, NONE]}, "one object with its arguments"),
        ("query", {"path": "notes:shout", "args": {"txt": "x"}}, "txt"),
    ],
)
def test_calls_that_cannot_run_are_errors_of_the_function(
    server: Running, endpoint: str, body: dict[str, object], text: str
) -> None:
    answer = server.post(endpoint, **body)
    assert answer["status"] == "error"
    assert text in answer["errorMessage"]


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        (b"", "BadJsonBody", "not the JSON"),
        (b"{", "BadJsonBody", "not the JSON"),
        (b"[]", "BadJsonBody", "object"),
        (b'{"args":{}}', "BadJsonBody", "path"),
        (b'{"path":3,"args":{}}', "BadJsonBody", "path"),
        (b'{"path":"a b:c","args":{}}', "BadConvexFunctionIdentifier", "a b"),
        (b'{"path":"notes:count","args":{},"format":"xml"}', "BadFormat", "xml"),
        (b'{"path":"notes:count","args":' + b"[" * 100_000, "BadJsonBody", ""),
        (b'\xff{"path":"notes:count"}', "BadJsonBody", ""),
    ],
)
def test_what_is_no_call_is_400_with_a_code(server: Running, content: bytes, code: str, text: str) -> None:
    answer = server.http.post("/api/query", content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert text in answer.json()["message"]


@pytest.mark.parametrize("args", [b'{"text":"\\ud800"}', b'{"text":{"$integer":"x"}}', b'{"text":NaN}'])
def test_values_that_are_none_are_refused_and_the_server_goes_on(server: Running, args: bytes) -> None:
    answer = server.http.post("/api/query", content=b'{"path":"notes:shout","args":' + args + b"}")
    assert answer.status_code == 400 or answer.json()["status"] == "error"
    assert server.value("query", "notes:shout", text="on") == "ON"


def test_deep_values_are_refused_and_the_server_goes_on(server: Running) -> None:
    deep: Any = "x"
    for _ in range(70):
        deep = [deep]
    answer = server.post("query", path="notes:shout", args={"text": deep})
    assert answer["status"] == "error"
    assert server.value("query", "notes:shout", text="on") == "ON"


def test_the_client_header_must_be_readable(server: Running) -> None:
    for header, code in (("npm", "InvalidClientVersion"), ("npm-0.19.1", "ClientVersionUnsupported")):
        body = {"path": "notes:count", "args": NONE}
        answer = server.http.post("/api/query", json=body, headers={"Convex-Client": header})
        assert (answer.status_code, answer.json()["code"]) == (400, code)


# Any function by its path


def test_the_function_endpoint_runs_any_kind_for_admins(server: Running) -> None:
    def call(path: str, **args: object) -> Any:
        body = {"path": path, "args": args, "componentPath": ""}
        return server.http.post("/api/function", json=body, headers=admin(server)).json()

    assert call("notes:secret")["value"] == "internal"
    assert call("notes:add", text="x", list="any")["status"] == "success"
    assert call("notes:calculate", number=1)["value"] == 2
    assert "Could not find function for 'notes:no'. Did you forget to run" in call("notes:no")["errorMessage"]


def test_the_function_endpoint_is_closed_to_others(server: Running) -> None:
    answer = server.http.post("/api/function", json={"path": "notes:secret", "args": NONE})
    assert (answer.status_code, answer.json()["code"]) == (403, "BadDeployKey")


def test_run_takes_the_function_from_the_url(server: Running) -> None:
    run = server.http.post
    assert run("/api/run/notes/shout", json={"args": {"text": "url"}}).json()["value"] == "URL"
    assert (
        run("/api/run/notes/add", json={"args": {"text": "x", "list": "run"}}).json()["status"] == "success"
    )
    assert run("/api/run/notes/calculate", json={"args": {"number": 2}}).json()["value"] == 4
    assert run("/api/run/notes/me").json()["value"] is None
    assert "Could not find function for 'notes:secret'" in run("/api/run/notes/secret").json()["errorMessage"]
    assert run("/api/run/notes/secret", headers=admin(server)).json()["value"] == "internal"
    for path in ("/api/run/notes", "/api/run/", "/api/run/notes//shout"):
        assert run(path).json()["code"] == "MissingIdentifier"
    assert server.http.get("/api/run/notes/shout").status_code == 405


# Reads at a timestamp


def test_reads_at_a_timestamp_do_not_see_what_came_later(server: Running) -> None:
    server.value("mutation", "notes:add", text="before", list="at")
    ts = server.http.post("/api/query_ts").json()["ts"]
    server.value("mutation", "notes:add", text="after", list="at")
    body = {"path": "notes:list", "args": {"list": "at"}, "ts": ts}
    assert server.post("query_at_ts", **body)["value"] == ["before"]
    assert server.value("query", "notes:list", list="at") == ["before", "after"]


def test_a_timestamp_that_nobody_gave_is_out_of_retention(server: Running) -> None:
    body = {"path": "notes:list", "args": NONE, "ts": "AQAAAAAAAAA="}
    answer = server.http.post("/api/query_at_ts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "OutOfRetention")
    body["ts"] = "nonsense"
    answer = server.http.post("/api/query_at_ts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "BadTimestamp")


def test_a_batch_is_answered_in_order_with_failures_in_their_place(server: Running) -> None:
    queries: list[dict[str, object]] = [
        {"path": "notes:shout", "args": {"text": "a"}},
        {"path": "notes:broken", "args": NONE},
        {"path": "notes:shout", "args": [{"text": "b"}], "format": "convex_encoded_json"},
        {"path": "notes:missing", "args": NONE},
        {"path": "notes:shout", "args": [NONE, NONE]},
    ]
    results = server.http.post("/api/query_batch", json={"queries": queries}).json()["results"]
    assert [result["status"] for result in results] == ["success", "error", "success", "error", "error"]
    assert (results[0]["value"], results[2]["value"]) == ("A", "B")
    assert server.http.post("/api/query_batch", json={"queries": []}).json() == {"results": []}
    many: dict[str, object] = {"queries": queries[:1] * 1_001}
    assert server.http.post("/api/query_batch", json=many).json()["code"] == "TooManyQueries"


# Credentials


def test_a_wrong_credential_fails_the_request(server: Running) -> None:
    body = {"path": "notes:count", "args": NONE}
    for header, status, code in (
        ("Bearer eyJhbGciOiJub25lIn0.e30.", 401, "NoAuthProvider"),
        ("Bearer", 401, "InvalidAuthHeader"),
        (f"Bearer {'x' * 9000}", 401, "InvalidAuthHeader"),
        ("Basic dXNlcjpwdw==", 401, "InvalidAuthHeader"),
        ("Convex test|0000", 403, "BadDeployKey"),
        ("Convex", 403, "BadDeployKey"),
        (f"Convex {server.admin_key}:%%%", 400, "InvalidIdentity"),
        (f"Convex {server.admin_key}:e30=", 400, "InvalidIdentity"),
        (f"Convex {server.admin_key}:W10=", 400, "InvalidIdentity"),
    ):
        answer = server.http.post("/api/query", json=body, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (status, code), header


def test_an_admin_may_act_as_a_user(server: Running) -> None:
    body = {"path": "notes:me", "args": NONE}

    def me(headers: dict[str, str]) -> object:
        return server.http.post("/api/query", json=body, headers=headers).json()["value"]

    assert me({}) is None
    assert me(admin(server)) is None
    assert me(admin(server, {"issuer": "https://i", "subject": "s"})) == "https://i|s"
    assert me(admin(server, {"tokenIdentifier": "https://i|t"})) == "https://i|t"
    key = server.admin_key
    assert me({"Authorization": f"convex prod:{key}"}) is None
    answer = server.http.get("/api/query", params={"path": "notes:secret", "adminKey": key})
    assert answer.json()["value"] == "internal"


# CORS, limits, the rest


def test_a_preflight_is_answered_for_any_path(server: Running) -> None:
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,convex-client",
    }
    for path in ("/api/query", "/api/none", "/", "/version"):
        answer = server.http.options(path, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["access-control-allow-headers"] == "authorization,content-type,convex-client"
        assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE, OPTIONS"
        assert answer.headers["access-control-max-age"] == "86400"
    plain = server.http.options("/api/query")
    assert plain.headers["access-control-allow-headers"] == "Content-Type, Authorization, Convex-Client"


def test_errors_have_the_cors_headers_too(server: Running) -> None:
    origin = {"Origin": "https://app.example"}
    answers = [
        server.http.post("/api/query", content=b"{", headers=origin),
        server.http.post("/api/none", headers=origin),
        server.http.get("/nowhere", headers=origin),
        server.http.put("/api/query", headers=origin),
        server.http.post("/api/query", json={}, headers={**origin, "Authorization": "Bearer x"}),
    ]
    assert [answer.status_code for answer in answers] == [400, 404, 404, 405, 400]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"


def test_a_body_of_the_limit_is_taken_and_one_above_is_not(tmp_path: Path) -> None:
    with running(tmp_path, MODULES, limits={"body_bytes": 1_000}) as server:
        body = b'{"path":"notes:shout","args":{"text":"%b"}}'
        fits = body % (b"x" * (1_000 - len(body) + 2))
        assert server.http.post("/api/query", content=fits).json()["status"] == "success"
        answer = server.http.post("/api/query", content=fits + b" ")
        assert (answer.status_code, answer.json()["code"]) == (413, "RequestTooLarge")


def test_a_full_lane_answers_503_with_the_time_to_wait(tmp_path: Path) -> None:
    modules = {
        **MODULES,
        "slow": """
            from syncline import MutationCtx, mutation

            @mutation
            def spin(ctx: MutationCtx) -> None:
                for _ in range(8_000_000):
                    pass
        """,
    }
    with (
        running(tmp_path, modules, limits={"lane_queue": 1}) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        with ThreadPoolExecutor(8) as pool:
            body = {"path": "slow:spin", "args": NONE}
            calls = [pool.submit(http.post, "/api/mutation", json=body) for _ in range(8)]
            answers = [call.result() for call in calls]
        for answer in answers:
            if answer.status_code == 503:
                assert answer.json()["code"] == "Overloaded"
                assert int(answer.headers["retry-after"]) >= 1
        assert {answer.status_code for answer in answers} == {200, 503}


def test_a_runaway_query_is_stopped_and_nobody_else_is(server: Running) -> None:
    answer = server.post("query", path="notes:endless", args=NONE)
    assert answer["status"] == "error"
    assert server.value("query", "notes:shout", text="on") == "ON"


def test_health_version_and_names(server: Running) -> None:
    for path, text in (
        ("/version", "0.1.0"),
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/instance_name", "syncline"),
    ):
        answer = server.http.get(path)
        assert (answer.status_code, answer.text) == (200, text)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert server.http.head(path).status_code == 200
        assert server.http.post(path).status_code == 405
    assert server.http.post("/echo", content=b"\x00\x01").content == b"\x00\x01"
    assert server.http.post("/api/debug_event", json={"event": 1}).status_code == 200
    assert server.http.post("/api/nothing").json()["code"] == "NotFound"


def test_pushing_javascript_is_refused_without_the_404_that_is_retried(server: Running) -> None:
    for path in ("/api/get_config_hashes", "/api/deploy2/start_push"):
        answer = server.http.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (400, "NotAJavaScriptDeployment")
