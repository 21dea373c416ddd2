"""Calling a server as who is signed in there: `syncline run --url` and `syncline watch --url`."""

from __future__ import annotations

from syncline.client import stored_login
from syncline.kernel.errors import SetupError

from .calling import check_object, check_path, show_answer
from .logging_in import token_for
from .server_client import Refused, ServerClient, Unreachable
from .watching import watch_server


def run_as_user(url: str, function: str, arguments: str, *, as_json: bool) -> int:
    """Call a public function of the server at `url`. Raises SetupError."""
    path, args = check_path(function), check_object(arguments, "the arguments")
    server = _AsUser(url)
    try:
        try:
            answer = server.connect().call(path, args)
        except Refused as refused:
            server.mind(refused)
            answer = server.connect().call(path, args)
    except Unreachable as error:
        raise SetupError(f"no server answers at {url}: {error}", "is the address right?") from None
    return show_answer(answer, as_json=as_json)


def watch_as_user(url: str, function: str, arguments: str, *, as_json: bool) -> int:
    """Watch a public query of the server at `url`. Raises SetupError."""
    server = _AsUser(url)
    gone = SetupError(f"no server answers at {url}", "is the address right?")
    return watch_server(server.connect, server.mind, gone, function, arguments, as_json=as_json)


class _AsUser:
    """Makes clients with the token of the login."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._login = stored_login(url)
        self._token = ""
        #: The token that the server refused last, and whether the one after it was new.
        self._bad: str | None = None
        self._renewed = False

    def connect(self) -> ServerClient:
        """A client with a good token. Raises SetupError."""
        self._token = token_for(self._login)
        self._renewed = self._token == self._bad
        if self._renewed:
            self._token = token_for(self._login, refused=True)
        return ServerClient.of_user(self._url, self._token)

    def mind(self, refused: Refused) -> None:
        """After a refusal: go on with another token, if that may help. Raises what was refused."""
        # Tokens end before their time when their session does, or the keys of the server change.
        if refused.status != 401 or self._renewed:
            raise refused
        self._bad = self._token
