"""Listening sockets, as the supervisor opens them: where everybody comes in, and where administrators do.

Standard library only: the supervisor imports this before anything else.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from syncline.kernel.errors import SetupError
from syncline.kernel.local_address import unix_path

_BACKLOG = 2048


def listen(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A listening socket. Raises SetupError if the address is taken or is none of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        another = f"{flag} {port + 1}" if flag == "--port" else f"{flag} {host}:{port + 1}"
        if isinstance(error, PermissionError):
            hint = f"ports below 1024 need special rights; name another with {flag}"
        else:
            hint = f"stop what listens there, or name another port: {another}"
        raise SetupError(f"cannot listen on {host} port {port}: {error.strerror}", hint) from None
    return listener


def listen_for_administrators(bind: str) -> socket.socket:
    """What `admin_bind` says: `ADDRESS:PORT`, or `unix:/path`. Raises SetupError."""
    path = unix_path(bind)
    if path is not None:
        return _listen_at(Path(path))
    host, _, port = bind.rpartition(":")
    return listen(host.strip("[]"), int(port), "--admin-bind")


def admin_address(listener: socket.socket) -> str:
    """Where programs on this machine reach what listens: `http://ADDRESS:PORT`, or `unix:/path`."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    return address_url(name[0], name[1])


def address_url(host: str, port: int) -> str:
    """The URL of what listens at a host and port, from this machine."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_listening(listener: socket.socket) -> None:
    """Close it; of a socket in the file system nothing is left."""
    name = listener.getsockname() if listener.family == socket.AF_UNIX else ""
    listener.close()
    if name:
        with suppress(OSError):
            Path(name).unlink()


def _listen_at(path: Path) -> socket.socket:
    """Only who runs the server may connect."""
    _remove_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        hint = "name a path in a folder that is there, and of at most 100 characters: --admin-bind unix:PATH"
        raise SetupError(f"cannot listen at {path}: {error.strerror or error}", hint) from None
    finally:
        os.umask(before)
    return listener


def _remove_dead(path: Path) -> None:
    """Remove the socket of a server that was killed. Raises SetupError if somebody listens there, or it is none."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SetupError(f"cannot listen at {path}: there is something else", "name another path")
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass
    raise SetupError(
        f"cannot listen at {path}: somebody else does", "stop it, or name another path with --admin-bind"
    )
