"""Admin keys beside the first one: made and withdrawn by the command line, scoped, and good until then."""

from __future__ import annotations

import hmac
import json
import stat
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from support.notes import MODULES
from support.processes import syncline
from support.serving import Running, running
from support.sockets import SyncSocket
from syncline.http import check_key
from syncline.kernel.clock import FakeClock, SeededEntropy
from syncline.kernel.errors import SetupError
from syncline.server import audit_log
from syncline.server.admin_keys import (
    FILE,
    USES,
    AdminKeys,
    Scope,
    create_key,
    read_keys,
    read_uses,
    remove_key,
    write_uses,
)
from syncline.server.audit_log import AuditLog, read_audit

NOW = 1_800_000_000


@pytest.fixture
def server(tmp_path: Path) -> Generator[Running]:
    with running(tmp_path, MODULES) as server:
        yield server


def made(folder: Path, scope: Scope = "admin", expires: int | None = None) -> tuple[str, str]:
    """Id and text of a new key."""
    key, text = create_key(
        folder, "syncline", "ci", scope, expires, NOW, SeededEntropy(len(read_keys(folder)))
    )
    return key.id, text


def looked(server: Running) -> None:
    """Let the server find out what has changed."""
    ring = server.deployment._key_ring  # pyright: ignore[reportPrivateUsage] - what its timer does

    def look() -> object:
        ring.look()
        return ring._looking  # pyright: ignore[reportPrivateUsage] - to wait for it

    future: Any = server.call(look)
    end = time.monotonic() + 30
    while not server.call(future.done):
        assert time.monotonic() < end
    server.call(lambda: None)  # what it has posted is done


def call(server: Running, key: str, kind: str, path: str, **args: object) -> Any:
    headers = {"Authorization": f"Convex {key}"}
    body = {"path": path, "args": args, "format": "json"}
    return server.http.post(f"/api/{kind}", json=body, headers=headers).json()


def test_a_key_is_good_from_its_making_to_its_withdrawal(server: Running) -> None:
    data = server.deployment.settings.data
    id, key = made(data)
    assert call(server, key, "query", "notes:list", list="a")["code"] == "BadDeployKey"
    looked(server)
    assert call(server, key, "query", "notes:list", list="a")["status"] == "success"
    with SyncSocket(server.port) as socket:
        socket.connect()
        socket.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=key)
        assert socket.receive()["endVersion"]["identity"] == 1
        remove_key(data, id)
        looked(server)
        assert socket.receive()["type"] == "AuthError"
        assert socket.closed_with() == (None, "")
    assert call(server, key, "query", "notes:list", list="a")["code"] == "BadDeployKey"


def test_when_a_key_was_used_is_kept(server: Running) -> None:
    data = server.deployment.settings.data
    (used, key), (unused, _) = made(data), made(data, "read")
    looked(server)
    began = int(time.time())
    call(server, key, "query", "notes:list", list="a")
    looked(server)
    uses = read_uses(data)
    assert began <= uses[used] <= time.time() and unused not in uses
    assert stat.S_IMODE((data / USES).stat().st_mode) == 0o600


def test_a_key_for_reading_changes_nothing_and_sees_no_secrets(server: Running) -> None:
    data = server.deployment.settings.data
    _, key = made(data, "read")
    looked(server)
    assert call(server, key, "query", "notes:list", list="a")["status"] == "success"
    assert call(server, key, "function", "notes:list", list="a")["status"] == "success"
    for kind, path, args in (
        ("mutation", "notes:add", {"text": "x", "list": "a"}),
        ("function", "notes:add", {"text": "x", "list": "a"}),
        ("query", "_system/environment:list", {}),
    ):
        # What the first key was shown must not be taken from the cache for this one.
        if kind == "query":
            assert call(server, server.admin_key, kind, path, **args)["status"] == "success"
        answer = call(server, key, kind, path, **args)
        assert answer["errorData"]["code"] == "forbidden", answer
    with SyncSocket(server.port) as socket:
        socket.connect()
        socket.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=key)
        socket.mutate(0, "notes:add", text="x", list="a")
        while (message := socket.receive())["type"] != "MutationResponse":
            pass
        assert message["errorData"]["code"] == "forbidden"


def test_a_key_ends_when_it_was_said_to(tmp_path: Path) -> None:
    _, text = made(tmp_path, expires=NOW + 10)
    keys = AdminKeys(read_keys(tmp_path))
    assert keys.find(text, (NOW + 9) * 10**9) is not None
    assert keys.find(text, (NOW + 10) * 10**9) is None


def test_only_the_whole_key_is_good(tmp_path: Path) -> None:
    id, text = made(tmp_path)
    keys = AdminKeys(read_keys(tmp_path))
    assert keys.find(text, 0) is not None
    other = text[:-1] + ("0" if text[-1] != "0" else "1")
    for wrong in ("", "|", id, text[:-1], other, text.replace(id, "0" * 12), f"{text}:", text.upper()):
        assert keys.find(wrong, 0) is None


def test_the_file_holds_no_key_and_is_its_owners(tmp_path: Path) -> None:
    _, text = made(tmp_path)
    file = tmp_path / FILE
    assert text.rpartition("_")[2] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_read_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(SetupError, match=r"admin_keys\.json cannot be read.*\n  help: restore it"):
        read_keys(tmp_path)


def test_the_command_line_makes_lists_and_revokes_keys(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\n")
    created = syncline("keys", "create", "ci", "--scope", "read", "--days", "30", folder=tmp_path)
    assert created.returncode == 0, created.stderr
    text = created.stdout.strip()
    assert AdminKeys(read_keys(tmp_path / ".syncline")).find(text, time.time_ns()) is not None
    assert "is shown this once" in created.stderr
    listed = syncline("keys", "list", folder=tmp_path).stdout
    assert "read   ci  (since" in listed and ", never used)" in listed
    id = json.loads(syncline("keys", "list", "--json", folder=tmp_path).stdout)[0]["id"]
    write_uses(tmp_path / ".syncline", {id: NOW})
    assert ", used 20" in syncline("keys", "list", folder=tmp_path).stdout
    [described] = json.loads(syncline("keys", "list", "--json", folder=tmp_path).stdout)
    assert text.rpartition("_")[2] not in listed + json.dumps(described)
    assert syncline("keys", "revoke", described["id"], folder=tmp_path).returncode == 0
    again = syncline("keys", "revoke", described["id"], folder=tmp_path)
    assert again.returncode == 1
    assert "see those that are: syncline keys list" in again.stderr
    events = syncline("audit-log", folder=tmp_path).stdout.splitlines()
    assert [line.split("  ")[1] for line in events] == ["key created", "key revoked"]
    assert "syncline keys create NAME" in syncline("keys", "list", folder=tmp_path).stderr


def test_what_administrators_change_is_recorded_and_what_they_look_at_is_not(server: Running) -> None:
    data = server.deployment.settings.data
    id, key = made(data)
    looked(server)
    call(server, key, "mutation", "notes:add", text="secret text", list="a")
    call(server, server.admin_key, "mutation", "notes:add", text="secret text", list="a")
    call(server, key, "query", "notes:list", list="a")
    for _ in range(100):
        call(server, f"{key}0", "query", "notes:list", list="a")
    server.call(server.deployment._audit.close)  # pyright: ignore[reportPrivateUsage] - all is written then
    events = read_audit(data, 1000)
    assert [(event["event"], event.get("key")) for event in events[:2]] == [
        ("mutation", id),
        ("mutation", "first"),
    ]
    assert (events[0]["function"], events[0]["address"]) == ("notes:add", "127.0.0.1")
    assert [event["event"] for event in events[2:]] == ["key refused"] * 60
    assert events[2]["address"] == "127.0.0.1"
    text = (data / "audit.log").read_text()
    assert "secret text" not in text
    assert key.rpartition("_")[2] not in text
    assert (data / "audit.log").stat().st_mode & 0o777 == 0o600


def test_keys_are_compared_in_a_time_that_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bool] = []
    compare = hmac.compare_digest

    def noting(one: Any, other: Any) -> bool:
        compared.append(compare(one, other))
        return compared[-1]

    _, text = made(tmp_path)
    keys = AdminKeys(read_keys(tmp_path))
    monkeypatch.setattr(hmac, "compare_digest", noting)
    for found, right in (
        (keys.find(text, 0) is not None, True),
        (keys.find(f"{text[:-1]}{'0' if text[-1] != '0' else '1'}", 0) is not None, False),
        (check_key("syncline|right", "syncline|right"), True),
        (check_key("syncline|wrong", "syncline|right"), False),
    ):
        assert found is right
    assert compared == [True, False, True, False]
    assert keys.find(f"syncline|sk_{'0' * 12}_{'0' * 64}", 0) is None
    assert len(compared) == 5  # Also for keys that are not there.


def test_what_is_done_besides_calls_is_recorded_with_the_key_that_did_it(server: Running) -> None:
    data = server.deployment.settings.data
    id, key = made(data)
    looked(server)
    admin = {"authorization": f"Convex {key}"}

    def ask(method: str, path: str, **body: object) -> None:
        answer = server.http.request(method, path, json=body, headers=admin)
        assert answer.status_code in (200, 400), answer.text  # There is no such import, and no such export.

    ask("POST", "/api/update_environment_variables", changes=[{"name": "QUIET", "value": "secret text"}])
    ask("POST", "/api/perform_import", importId="none")
    ask("POST", "/api/export/request/zip?includeStorage=true")
    ask("GET", "/api/export/zip/17")
    server.call(server.deployment._audit.close)  # pyright: ignore[reportPrivateUsage] - all is written then
    events = read_audit(data, 1000)
    assert [event["event"] for event in events] == ["mutation", "import", "export", "export fetched"]
    assert {(event["key"], event["address"]) for event in events} == {(id, "127.0.0.1")}
    assert (events[0]["function"], events[1]["import"]) == ("_system/environment:change", "none")
    assert (events[2]["files"], events[3]["export"]) == (True, "17")
    assert "secret text" not in (data / "audit.log").read_text()


def test_the_audit_log_is_bounded_and_shows_its_newest_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "_BYTES", 1000)
    for number in range(50):
        audit = AuditLog(tmp_path, FakeClock())
        audit.record("happened", {"number": number, "nothing": None})
        audit.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2500
    assert [event["number"] for event in read_audit(tmp_path, 3)] == [47, 48, 49]
    assert "nothing" not in read_audit(tmp_path, 1)[0]
