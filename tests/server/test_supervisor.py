"""The supervisor, with real processes that die, hang and are told to stop."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from support.applications import write_application
from support.notes import MODULES
from support.processes import ServerProcess, call, columns, serving
from support.sockets import SyncSocket
from syncline.kernel.errors import SetupError
from syncline.server.listening import listen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, **MODULES)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Generator[ServerProcess, None, None]:
    with serving(folder, "start") as server:
        yield server


def add(url: str, text: str) -> object:
    return call(url, "mutation", "notes:add", text=text)


def notes(url: str) -> object:
    return call(url, "query", "notes:list")


def test_a_killed_process_is_replaced_and_connections_wait_for_the_new_one(server: ServerProcess) -> None:
    url = server.url
    add(url, "before")
    (old,) = server.children()
    os.kill(old, signal.SIGKILL)
    # At once: nobody listens but the supervisor's socket, in whose queue this waits.
    assert notes(url) == {"status": "success", "value": ["before"]}
    (new,) = server.children()
    assert new != old
    events = list(columns(server.wait_for("ready", times=2)))
    assert ("died", "it was ended by SIGKILL (out of memory?); the process is replaced") in events


def test_a_process_that_is_killed_again_and_again_is_replaced_every_time(server: ServerProcess) -> None:
    url = server.url
    for number in range(7):
        add(url, str(number))
        os.kill(server.children()[0], signal.SIGKILL)
    assert notes(url) == {"status": "success", "value": [str(number) for number in range(7)]}


def test_what_was_acknowledged_before_a_kill_is_there_after_it(server: ServerProcess) -> None:
    url = server.url
    acknowledged: list[str] = []
    for round in range(3):
        for number in range(20):
            add(url, f"{round}-{number}")
            acknowledged.append(f"{round}-{number}")
        os.kill(server.children()[0], signal.SIGKILL)
    assert notes(url) == {"status": "success", "value": acknowledged}


def test_a_function_that_holds_the_interpreter_is_named_and_its_process_replaced(
    server: ServerProcess,
) -> None:
    url = server.url
    add(url, "before")
    with pytest.raises(httpx.TransportError):
        call(url, "query", "notes:hopeless")
    assert notes(url) == {"status": "success", "value": ["before"]}
    stuck = next(rest for kind, rest in columns(server.output) if kind == "stuck")
    assert stuck.startswith("notes:hopeless ran for ")
    assert stuck.endswith(" (its limit is 1.0 s) and could not be interrupted; the process is replaced")


def test_a_signal_stops_both_processes_with_exit_code_0(folder: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with serving(folder, "start") as server:
            (child,) = server.children()
            server.signal(number)
            assert server.wait() == 0
            assert next(reversed(list(columns(server.output))))[0] == "stopped"
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)
        assert not (folder / ".syncline" / "server.json").exists()


def test_calls_under_way_are_answered_before_the_server_stops(server: ServerProcess) -> None:
    url = server.url
    answers: list[object] = []
    over_http = threading.Thread(
        target=lambda: answers.append(call(url, "action", "notes:add_and_wait", text="http", seconds=1.0))
    )
    with SyncSocket(server.port) as client:
        client.connect().subscribe(0, "notes:list")
        client.act(0, "notes:add_and_wait", text="socket", seconds=1.0)
        over_http.start()
        while sorted(client.value(0)) != ["http", "socket"]:
            pass
        server.signal(signal.SIGTERM)
        assert client.response(0)["result"] == "waited"
        assert client.closed_with() == (1001, "ServerRestart")
    over_http.join()
    assert answers == [{"status": "success", "value": "waited"}]
    assert server.wait() == 0


def test_a_client_that_does_not_answer_the_close_does_not_keep_the_server(server: ServerProcess) -> None:
    with SyncSocket(server.port) as client:
        client.connect().subscribe(0, "notes:list")
        client.value(0)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert client.closed_with() == (1001, "ServerRestart")


def test_a_process_whose_supervisor_is_killed_stops_by_itself(folder: Path) -> None:
    with serving(folder, "start") as server:
        (child,) = server.children()
        watched = os.pidfd_open(child)
        server.signal(signal.SIGKILL)
        server.wait()
        assert select.select([watched], [], [], 30)[0], "the process lives on without its supervisor"
        os.close(watched)
    with serving(folder, "start") as server:  # The data folder is free again.
        assert notes(server.url) == {"status": "success", "value": []}


def test_processes_that_die_at_once_are_given_up(tmp_path: Path) -> None:
    fatal = """
        import os
        from pathlib import Path

        if Path(__file__).with_name("fatal").exists():
            os._exit(7)
    """
    backend = write_application(tmp_path, fatal=fatal, **MODULES)
    with serving(tmp_path, "start") as server:
        (backend / "fatal").touch()
        os.kill(server.children()[0], signal.SIGKILL)
        assert server.wait() == 3
        events = list(columns(server.output))
    assert events[-1] == ("stop", "5 processes in a row ended before they could serve; giving up")
    assert events.count(("died", "it ended with exit code 7; the process is replaced")) == 4


def test_code_that_kills_its_process_at_the_start_is_not_tried_again(tmp_path: Path) -> None:
    write_application(tmp_path, bad="import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    server = ServerProcess(tmp_path, "start", "--port", "0")
    assert server.wait() == 3
    server.close()
    assert [rest for kind, rest in columns(server.output) if kind == "died"] == ["it was ended by SIGSEGV"]


def test_a_taken_port_says_which_and_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError) as caught:
            listen("127.0.0.1", port)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1 port {port}: Address already in use\n"
        f"  help: stop what listens there, or name another port: --port {port + 1}"
    )


def test_an_address_that_is_none_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"cannot listen on 192\.0\.2\.1 port 0: "):
        listen("192.0.2.1", 0)
    with pytest.raises(SetupError, match=r"cannot listen on no such host port 0: "):
        listen("no such host", 0)
