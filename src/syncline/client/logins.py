"""The logins of this user on this machine, which `syncline login` makes: a file for all programs, and a source of tokens."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from syncline.kernel.clock import Clock, SystemClock

from .errors import AuthenticationError, ClientError
from .login_server import LoginServer, Tokens

if sys.platform != "win32":
    import fcntl

#: A token that ends so soon is not given out any more (seconds).
_LEEWAY: Final = 20.0
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Login:
    """Who is signed in at a server. `expires_at`: of the access token, in seconds since the epoch."""

    refresh_token: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires_at: float = 0.0

    def with_tokens(self, tokens: Tokens) -> Login:
        return replace(
            self,
            refresh_token=tokens.refresh_token or self.refresh_token,
            token=tokens.token,
            expires_at=tokens.expires_at,
        )


class Logins:
    """The file, one login for each server. Only its owner can read it; it is replaced as a whole."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or config_folder()
        self.path = self.folder / "logins.json"

    def get(self, url: str) -> Login | None:
        """The login at a server. Raises ClientError."""
        return self._read().get(_key(url))

    def put(self, url: str, login: Login) -> None:
        """Keep a login. While the file is locked."""
        self._write({**self._read(), _key(url): login})

    def remove(self, url: str) -> None:
        """Forget a login. While the file is locked."""
        logins = self._read()
        if logins.pop(_key(url), None) is not None:
            self._write(logins)

    @contextmanager
    def locked(self) -> Generator[None]:
        """No other process or thread renews or changes logins meanwhile: a refresh token works once."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        file = os.open(self.folder / "logins.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if sys.platform != "win32":  # There, the server's patience with two at once must do.
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _read(self) -> dict[str, Login]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Login])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise ClientError(
                f"{self.path} cannot be read: {error}. Remove it, and sign in again: syncline login"
            ) from None

    def _write(self, logins: dict[str, Login]) -> None:
        text = json.dumps({url: asdict(login) for url, login in logins.items()}, indent=2)
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)  # What is left of a process that died here may be readable by others.
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as stream:
            stream.write(f"{text}\n")
            stream.flush()
            os.fsync(file)
        new.replace(self.path)


class StoredLogin:
    """The login of `syncline login` at a server, as the token of a client: `Client(url, token=stored_login(url))`."""

    def __init__(
        self,
        url: str,
        *,
        folder: Path | None = None,
        clock: Clock | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._logins = Logins(folder)
        self._clock = clock or SystemClock()
        self._server = LoginServer(self.url, self._clock, ssl_context)
        #: The token that was given out last.
        self._given = ""

    async def __call__(self, refused: bool) -> str:
        return await asyncio.to_thread(self.token, refused)

    def token(self, refused: bool = False) -> str:
        """An access token; another one than the last if that was refused. Blocks.

        Raises AuthenticationError if nobody is signed in or the login has ended, ConnectionLostError without a server.
        """
        login = self._login()
        spoiled = (self._given or login.token) if refused else None
        if not self._good(login, spoiled):
            with self._logins.locked():
                login = self._login()  # Somebody else may have renewed it.
                if not self._good(login, spoiled):
                    login = self._renewed(login)
        self._given = login.token
        return login.token

    def _login(self) -> Login:
        login = self._logins.get(self.url)
        if login is None:
            raise AuthenticationError(
                f"nobody is signed in at {self.url}: sign in with `syncline login --url {self.url}`"
            )
        return login

    def _good(self, login: Login, spoiled: str | None) -> bool:
        now = self._clock.wall_ns() / 1e9
        return login.token != spoiled and now < login.expires_at - _LEEWAY

    def _renewed(self, login: Login) -> Login:
        try:
            tokens = self._server.refresh(login.refresh_token)
        except AuthenticationError:
            self._logins.remove(self.url)
            raise AuthenticationError(
                f"the login at {self.url} has ended: sign in again with `syncline login --url {self.url}`"
            ) from None
        login = login.with_tokens(tokens)
        self._logins.put(self.url, login)
        return login


def stored_login(url: str) -> StoredLogin:
    """Who signed in at `url` with `syncline login`, as the `token` of a client. It is renewed when that is due.

    Clients that are entered without a login raise AuthenticationError.
    """
    return StoredLogin(url)


def config_folder() -> Path:
    """Where programs of this user keep what Syncline is told."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".config") / "syncline"


def _key(url: str) -> str:
    """A server by its origin, whichever way it is written. This machine is one, whatever it is called."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{'localhost' if host in _LOOPBACK else host}:{port}"
