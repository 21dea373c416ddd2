"""Queries and mutations do not touch the world; actions and all other threads do as they like."""

from __future__ import annotations

import _thread
import ctypes
import json
import os
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.applications import Functions, functions, loaded
from syncline.functions import Failure, MutationCtx, QueryCtx, mutation, query
from syncline.kernel.errors import SideEffectError

HERE = Path(__file__)
ATTEMPTS: dict[str, tuple[Callable[[], Any], str]] = {
    "open": (HERE.open, f"used the file system (open {str(HERE)!r}"),
    "pathlib": (HERE.read_text, "used the file system (open "),
    "os.open": (lambda: os.open(HERE, os.O_RDONLY), "used the file system (open "),
    "listdir": (lambda: os.listdir("/"), "used the file system (os.listdir '/')"),
    "glob": (lambda: list(HERE.parent.glob("*")), "used the file system (os."),
    "remove": (lambda: os.remove("/nonexistent"), "used the file system (os.remove '/nonexistent')"),
    "temporary file": (tempfile.TemporaryFile, "used the file system ("),
    "sqlite3": (lambda: sqlite3.connect(":memory:"), "used the file system (sqlite3.connect ':memory:')"),
    "socket": (socket.socket, "used the network (socket)"),
    "name look-up": (lambda: socket.getaddrinfo("localhost", 80), "used the network (socket.getaddrinfo)"),
    "subprocess": (lambda: subprocess.run(["true"]), "used other processes (subprocess.Popen)"),
    "fork": (os.fork, "used other processes (os.fork)"),
    "kill": (lambda: os.kill(os.getpid(), 0), "used other processes (os.kill)"),
    "sleep": (lambda: time.sleep(0), "went to sleep (time.sleep)"),
    "thread": (lambda: threading.Thread(target=len, name="worker").start(), "started a thread ("),
    "environment": (
        lambda: os.environ.__setitem__("SYNCLINE_TEST", "1"),
        "changed the environment (os.putenv)",
    ),
    "library": (lambda: ctypes.CDLL(None), "loaded a library (ctypes.dlopen)"),
    "input": (input, "read the terminal (builtins.input)"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_touching_the_world_fails_the_run_and_says_what_to_do(attempt: str) -> None:
    act, complaint = ATTEMPTS[attempt]

    @query
    def touch(ctx: QueryCtx) -> None:
        act()

    with functions(touch) as app:
        failure = app.failure("test:touch")
    assert isinstance(failure.exception, SideEffectError)
    assert failure.error.message.startswith(f"test:touch {complaint}")
    assert failure.error.message.endswith(
        "Do this in an @action, which may, and store what comes of it with ctx.run and a mutation."
    )
    assert json.loads(failure.data or b"")["code"] == "side_effect"


@pytest.mark.parametrize("attempt", ["open", "socket", "sleep", "thread"])
def test_a_swallowed_refusal_fails_the_run_all_the_same(attempt: str) -> None:
    act, complaint = ATTEMPTS[attempt]

    @mutation
    def touch(ctx: MutationCtx) -> str:
        try:
            act()
        except Exception:
            return "fine"
        return "done"

    with functions(touch) as app:
        failure = app.failure("test:touch")
    assert complaint in failure.message


def test_the_first_of_several_violations_is_reported_even_if_something_else_is_raised() -> None:
    @query
    def touch(ctx: QueryCtx) -> None:
        try:
            time.sleep(0)
        except SideEffectError:
            os.listdir("/")

    with functions(touch) as app:
        assert "time.sleep" in app.failure("test:touch").error.message


def test_other_threads_are_not_affected_while_a_function_runs() -> None:
    read: list[str] = []

    @query
    def wait(ctx: QueryCtx) -> int:
        other.join()
        return len(read)

    other = threading.Thread(target=lambda: read.append(HERE.read_text()))
    with functions(wait) as app:
        other.start()
        assert app.value("test:wait") == 1


def test_nothing_is_refused_between_runs() -> None:
    with functions(_nothing) as app:
        app.value("test:nothing")
        assert HERE.read_text()
        time.sleep(0)


@query(name="nothing")
def _nothing(ctx: QueryCtx) -> None: ...


def test_low_level_threads_are_refused_where_python_tells() -> None:
    @query
    def start(ctx: QueryCtx) -> None:
        _thread.start_new_thread(len, ("",))

    with functions(start) as app:
        outcome = app.call("test:start")
    if isinstance(outcome, Failure):
        assert "started a thread" in outcome.message


HARMLESS = """
    import warnings

    from syncline.functions import QueryCtx, query


    @query
    def imports(ctx: QueryCtx) -> list[str]:
        import colorsys
        import xml.dom.minidom
        from zoneinfo import ZoneInfo

        return [colorsys.__name__, xml.dom.minidom.__name__, str(ZoneInfo("Europe/Zurich"))]


    @query
    def dates(ctx: QueryCtx) -> int:
        from datetime import datetime

        return datetime.strptime("2024-02-29", "%Y-%m-%d").day


    @query
    def codecs(ctx: QueryCtx) -> list[int]:
        return ["x".encode("shift_jis")[0], len("bücher".encode("idna"))]


    @query
    def guesses(ctx: QueryCtx) -> str | None:
        import mimetypes

        mimetypes.inited = False
        return mimetypes.guess_type("a.html")[0]


    @query
    def tracebacks(ctx: QueryCtx) -> bool:
        import linecache
        import traceback

        linecache.clearcache()
        try:
            raise ValueError
        except ValueError:
            return "raise ValueError" in traceback.format_exc()


    @query
    def late(ctx: QueryCtx) -> str:
        from . import helpers

        return helpers.NAME


    @query
    def measures(ctx: QueryCtx) -> bool:
        import time
        import uuid
        import random
        import os.path

        assert time.gmtime(0).tm_year == 1970
        assert time.strftime("%Y", time.gmtime(0)) == "1970"
        assert uuid.uuid5(uuid.NAMESPACE_DNS, "a") == uuid.uuid5(uuid.NAMESPACE_DNS, "a")
        assert random.Random(1).random() == random.Random(1).random()
        return time.perf_counter() > 0 and os.path.join("a", "b") == "a/b"
"""


@pytest.fixture
def harmless(tmp_path: Path) -> Any:
    (tmp_path / "backend").mkdir()
    helpers = "import time\nNAME = f'loaded at {time.time() > 0}'\n"
    with loaded(tmp_path, harmless=HARMLESS, _helpers=helpers) as release:
        # Not one of the modules that are loaded at the start: its first import is inside the function.
        (tmp_path / "backend" / "helpers.py").write_text(helpers)
        app = Functions(release.registry)
        yield app
        app.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imports", ["colorsys", "xml.dom.minidom", "Europe/Zurich"]),
        ("dates", 29),
        ("codecs", [120, 13]),
        ("guesses", "text/html"),
        ("tracebacks", True),
        ("late", "loaded at True"),
        ("measures", True),
    ],
)
def test_imports_time_zones_codecs_and_tracebacks_pass(
    harmless: Functions, name: str, expected: object
) -> None:
    assert harmless.value(f"harmless:{name}") == expected


CLOCKS = """
    import datetime as dt
    import os
    import random
    import secrets
    import time
    import uuid
    from datetime import date, datetime, timezone
    from random import choice
    from time import monotonic as steady
    from typing import Any, Callable

    from syncline.functions import QueryCtx, query

    LOADED_AT = time.time()
    TODAY = date.today()
    CALLS: dict[str, Callable[[], Any]] = {
        "time.time": lambda: time.time(),
        "time.time_ns": lambda: time.time_ns(),
        "time.monotonic": steady,
        "time.gmtime": time.gmtime,
        "time.strftime": lambda: time.strftime("%Y"),
        "datetime.now": lambda: datetime.now(timezone.utc),
        "datetime.utcnow": lambda: dt.datetime.utcnow(),
        "datetime.today": lambda: dt.datetime.today(),
        "date.today": lambda: date.today(),
        "random.choice": lambda: choice("ab"),
        "random.random": lambda: random.random(),
        "random.shuffle": lambda: random.shuffle([1, 2]),
        "random.seed": lambda: random.seed(1),
        "uuid.uuid1": lambda: uuid.uuid1(),
        "uuid.uuid4": uuid.uuid4,
        "secrets.token_hex": lambda: secrets.token_hex(),
        "os.urandom": lambda: os.urandom(4),
    }


    @query
    def call(ctx: QueryCtx, name: str, quietly: bool = False) -> str:
        try:
            CALLS[name]()
        except PermissionError:
            if not quietly:
                raise
        return "called"


    class Diary:
        def now(self) -> str:
            return "a method of the application"


    @query
    def own_now(ctx: QueryCtx) -> str:
        return Diary().now() + datetime(2024, 1, 1).isoformat()
"""

CLOCK_NAMES = [
    "time.time", "time.time_ns", "time.monotonic", "time.gmtime", "time.strftime", "datetime.now",
    "datetime.utcnow", "datetime.today", "date.today",
]  # fmt: skip
CHANCE_NAMES = ["random.choice", "random.random", "random.shuffle", "random.seed", "uuid.uuid1", "uuid.uuid4"]
SECRET_NAMES = ["secrets.token_hex", "os.urandom"]


@pytest.fixture
def clocks(tmp_path: Path) -> Any:
    with loaded(tmp_path, clocks=CLOCKS) as release:
        app = Functions(release.registry)
        yield app
        app.close()


@pytest.mark.parametrize("quietly", [False, True], ids=["", "swallowed"])
@pytest.mark.parametrize("name", [*CLOCK_NAMES, *CHANCE_NAMES, *SECRET_NAMES])
def test_clock_and_chance_are_refused_with_what_to_use_instead(
    clocks: Functions, name: str, quietly: bool
) -> None:
    failure = clocks.failure("clocks:call", name=name, quietly=quietly)
    assert isinstance(failure.exception, SideEffectError)
    verb = "read the clock" if name in CLOCK_NAMES else "used chance"
    assert failure.error.message.startswith(f"clocks:call {verb} ({name}). Use ctx.")
    if name in CLOCK_NAMES:
        assert "Use ctx.now, the time of the transaction, or ctx.clock(minutes=1)" in failure.error.message
    elif name in SECRET_NAMES:
        assert "make what must stay secret (tokens, keys) in an @action" in failure.error.message
    else:
        assert "Use ctx.random, which is seeded anew for each run" in failure.error.message


def test_a_method_of_the_application_may_be_called_now(clocks: Functions) -> None:
    assert clocks.value("clocks:own_now") == "a method of the application2024-01-01T00:00:00"


def test_libraries_keep_the_clock_and_chance(clocks: Functions) -> None:
    """Only the application's own modules see the stand-ins."""
    assert time.time.__module__ == "time"

    @query
    def ask(ctx: QueryCtx) -> bool:
        return time.time() > 0 and len(os.urandom(1)) == 1

    with functions(ask) as app:
        assert app.value("test:ask") is True
