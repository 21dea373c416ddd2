"""What queries and mutations may not do: files, sockets, processes, threads and sleeping.

An audit hook sees most of it. Two things raise no audit event before Python 3.13 and 3.12 and are wrapped instead:
`time.sleep` and starting a thread. The clock and chance are in `shadows`: only the application's own modules see
those wrappers. A net for mistakes, not a sandbox.

Not seen: reading and writing on sockets and pipes that are already open, waiting for locks, `os.stat`, extension
modules that make system calls themselves (SQLite among them), threads of executors that already run.
"""

from __future__ import annotations

import linecache
import os
import sys
import threading
import time
import zoneinfo
from inspect import currentframe
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, SupportsIndex

from syncline.kernel.errors import SideEffectError

from .current import transactions
from .logs import capture_output

if TYPE_CHECKING:
    from .run import TransactionRun

_REFUSED: Final = {
    **dict.fromkeys(
        ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
         "os.truncate", "os.chmod", "os.chown", "os.utime", "os.chdir", "os.fwalk", "os.walk", "os.setxattr",
         "os.removexattr", "shutil.copyfile", "shutil.move", "shutil.rmtree", "shutil.copytree", "tempfile.mkstemp",
         "tempfile.mkdtemp", "mmap.__new__", "sqlite3.connect", "fcntl.flock", "fcntl.lockf"),
        "used the file system",
    ),
    **dict.fromkeys(
        ("socket.__new__", "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
         "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request"),
        "used the network",
    ),
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.kill",
         "os.startfile", "pty.spawn", "signal.pthread_kill"),
        "used other processes",
    ),
    **dict.fromkeys(("_thread.start_new_thread", "_thread.start_joinable_thread"), "started a thread"),
    **dict.fromkeys(("os.putenv", "os.unsetenv"), "changed the environment"),
    "ctypes.dlopen": "loaded a library",
    "builtins.input": "read the terminal",
    "time.sleep": "went to sleep",
}  # fmt: skip

_REMEDY: Final = (
    "Queries and mutations work on the database alone, so that they can be repeated and kept live. "
    "Do this in an @action, which may, and store what comes of it with ctx.run and a mutation."
)

_LIBRARY: Final = Path(linecache.__file__).parent
#: Code that may open files on behalf of a function: what it reads belongs to the program and not to the world.
_TRUSTED: Final = (
    "<frozen importlib",
    *[str(_LIBRARY / name) for name in ("linecache.py", "tokenize.py", "mimetypes.py", "gettext.py")],
    *[str(_LIBRARY / name) + os.sep for name in ("importlib", "logging", "zoneinfo")],
    # Destructors belong to whatever object the collector met in this thread.
    *[str(_LIBRARY / name) for name in ("weakref.py", "_weakrefset.py")],
)

_sleep: Final = time.sleep
_start: Final = threading.Thread.start
_installed = False


def install_guards() -> None:
    """Put hook, wrappers and captured output in place. Once per process: an audit hook cannot be removed."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_audit)
        if sys.version_info < (3, 13):
            time.sleep = _guarded_sleep
        if sys.version_info < (3, 12):
            threading.Thread.start = _guarded_start  # type: ignore[assignment, method-assign] # a function is one
    capture_output()


def _audit(event: str, args: tuple[Any, ...]) -> None:
    # Runs for every event of every thread: the set is asked first, since most events are not in it.
    what = _REFUSED.get(event)
    if what is None or not transactions:
        return
    run = transactions.get(get_ident())
    if run is not None and not _permitted(event, args):
        raise refuse(run, f"{what} ({_call(event, args)})")


def refuse(run: TransactionRun, what: str, remedy: str = _REMEDY) -> SideEffectError:
    """The error for a forbidden side effect; the run fails even if it is swallowed."""
    return run.violate(SideEffectError(f"{run.definition.path} {what}. {remedy}"))


def _call(event: str, args: tuple[Any, ...]) -> str:
    name = event.removesuffix(".__new__")
    if event in (
        "open",
        "os.listdir",
        "os.scandir",
        "os.remove",
        "os.mkdir",
        "os.rmdir",
        "os.chdir",
        "sqlite3.connect",
    ):
        return f"{name} {args[0]!r}"
    return name


def _permitted(event: str, args: tuple[Any, ...]) -> bool:
    if event == "open" and isinstance(args[0], str) and _is_harmless(args[0], args[1]):
        return True
    return in_trusted_code(currentframe())


def in_trusted_code(frame: FrameType | None) -> bool:
    """Whether an import, a traceback, a time zone, a log handler, a destructor and the like is what asks."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_TRUSTED) or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _is_harmless(path: str, mode: object) -> bool:
    # A syntax error looks for the line that it is about, in a file called <string> too.
    if path.startswith("<") and path.endswith(">"):
        return True
    # The C implementation of time zones opens the file itself: no frame of zoneinfo is on the stack.
    return mode in ("rb", "r") and path.startswith(zoneinfo.TZPATH)


def _guarded_sleep(seconds: float | SupportsIndex, /) -> None:
    run = transactions.get(get_ident())
    if run is not None and not in_trusted_code(currentframe()):
        raise refuse(run, "went to sleep (time.sleep)")
    _sleep(seconds)


def _guarded_start(thread: threading.Thread) -> None:
    run = transactions.get(get_ident())
    if run is not None and not in_trusted_code(currentframe()):
        raise refuse(run, f"started a thread ({thread.name})")
    _start(thread)
