"""Memory of idle connections, cold start, index builds, and reload on save."""

from __future__ import annotations

import json
import shutil
import statistics
import time
import uuid
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from bench.loader import idle as hold_idle
from bench.report import Budget, Figure, Report, number
from bench.server import APPLICATION, Server
from bench.settings import Settings
from bench.throughput import fill

DOCUMENTS = 100_000
RELOADS = 10
STARTS = 5


def idle(settings: Settings, report: Report) -> None:
    """Memory per idle connection, without and with one live query, and of an idle `syncline dev`."""
    report.begin("idle: memory (proportional set size of all processes)")
    for subscribed in (False, True):
        connections = 5_000
        options: dict[str, object] = {"subscribers": connections}
        if subscribed:
            options |= {"subscribe_path": "messages:latest", "subscribe": '{"channel":"c0"}'}
        with Server(settings.new_data()) as server:
            fill(server, channels=1, count=50)
            server.call("query", "messages:latest", channel="c0")
            before = server.memory_bytes()
            with hold_idle(server, **options):
                time.sleep(1)  # what was allocated for the handshakes is returned
                each = (server.memory_bytes() - before) / connections / 1024
        name = f"idle connection, {'one live query' if subscribed else 'no query'}"
        notes = (f"{connections:,} connections over {before / 2**20:.0f} MiB",)
        report.add("idle", Figure(name, each, "KiB", None if subscribed else Budget(11), notes))
    with Server(settings.new_data(), mode="dev") as server:
        time.sleep(2)
        used = server.memory_bytes() / 1e6
        report.add(
            "idle", Figure("idle syncline dev", used, "MB", Budget(90), (f"{len(server.pids())} processes",))
        )


def coldstart(settings: Settings, report: Report) -> None:
    """From starting the process to ready: an empty data folder, and 100,000 documents."""
    report.begin("coldstart: process start to /readyz")
    empty = [_start(settings.new_data()) for _ in range(STARTS)]
    report.add("coldstart", _times("cold start, empty", empty, Budget(1)), {"seconds": empty})
    data = _filled(settings)
    full = [_start(data) for _ in range(STARTS)]
    report.add(
        "coldstart", _times(f"cold start, {DOCUMENTS:,} documents", full, Budget(2)), {"seconds": full}
    )


def index_build(settings: Settings, report: Report) -> None:
    """A new index on 100,000 stored documents: how much longer the start takes."""
    report.begin(f"index-build: a new index on {DOCUMENTS:,} documents of 100 bytes")
    data = _filled(settings)
    without = statistics.median(_start(data) for _ in range(STARTS))
    backend = _copy_of_application(settings.new_data())
    _edit(
        backend / "schema.py",
        '    by_channel = Index("channel")\n',
        '    by_body = Index("body", "channel")\n',
        keep=True,
    )
    seconds = _start(data, backend) - without
    notes = (f"{number(DOCUMENTS / seconds)} documents/s", f"a start without it takes {number(without)} s")
    report.add("index-build", Figure("index build", seconds, "s", None, notes))


def reload(settings: Settings, report: Report) -> None:
    """In `syncline dev`: from saving a file to the changed result at a subscriber that stayed connected."""
    report.begin("reload: save to update in dev, the socket stays open")
    backend = _copy_of_application(settings.new_data())
    with (
        Server(settings.new_data(), backend=backend, mode="dev") as server,
        connect(f"ws://127.0.0.1:{server.port}/api/1.48.0/sync", compression=None) as socket,
    ):
        _subscribe(socket, "messages:revision")
        assert _next_value(socket) == 0
        times = [_reload(socket, backend / "messages.py", revision) for revision in range(1, RELOADS + 1)]
    report.add("reload", _times("save to update", times, Budget(0.5)), {"seconds": times})


def _reload(socket: ClientConnection, module: Path, revision: int) -> float:
    time.sleep(0.3)  # a person saves no faster, and the watcher gathers what is saved together
    started = time.perf_counter()
    _edit(module, f"REVISION = {revision - 1}\n", f"REVISION = {revision}\n")
    value = _next_value(socket)
    if value != revision:
        raise RuntimeError(f"expected revision {revision} after the reload, got {value!r}")
    return time.perf_counter() - started


def _subscribe(socket: ClientConnection, path: str) -> None:
    session = str(uuid.uuid4())
    add: dict[str, object] = {"type": "Add", "queryId": 0, "udfPath": path, "args": [{}]}
    socket.send(
        json.dumps({"type": "Connect", "sessionId": session, "connectionCount": 0, "lastCloseReason": None})
    )
    socket.send(
        json.dumps({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add]})
    )


def _next_value(socket: ClientConnection) -> object:
    """The value of the next update; messages without one are passed over."""
    while True:
        message = json.loads(socket.recv(timeout=30))
        for modification in message.get("modifications", ()):
            if modification["type"] != "QueryUpdated":
                raise RuntimeError(f"unexpected {modification}")
            return modification["value"]


def _filled(settings: Settings) -> Path:
    data = settings.new_data()
    with Server(data) as server:
        fill(server, channels=1_000, count=DOCUMENTS)
    return data


def _start(data: Path, backend: Path = APPLICATION) -> float:
    with Server(data, backend=backend) as server:
        return server.seconds_to_ready


def _copy_of_application(folder: Path) -> Path:
    return Path(
        shutil.copytree(APPLICATION, folder / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    )


def _edit(file: Path, old: str, new: str, *, keep: bool = False) -> None:
    """Replace `old`, or with `keep` add `new` after it; as an editor saves: to a new file, then renamed."""
    text = file.read_text()
    if text.count(old) != 1:
        raise RuntimeError(f"{file.name} does not hold this once: {old!r}")
    saved = file.with_suffix(".saved")
    saved.write_text(text.replace(old, old + new if keep else new))
    saved.replace(file)


def _times(name: str, seconds: list[float], budget: Budget) -> Figure:
    ordered = sorted(seconds)
    notes = (f"of {len(ordered)}: {number(ordered[0])} to {number(ordered[-1])} s",)
    return Figure(f"{name}, median", statistics.median(ordered), "s", budget, notes)
