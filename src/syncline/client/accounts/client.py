"""The client of the administration: constructed with a server's address and an admin key."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from syncline.client.errors import ClientError
from syncline.client.tokens import AdminKey

from .merges import Merges
from .organizations import Invitations, Organizations, Rules
from .pages import Requests
from .server import Audit, SigningKeys, Webhooks
from .sessions import ApiKeys, Sessions
from .transport import HttpTransport, Transport
from .users import Users

URL = "SYNCLINE_URL"
KEY = "SYNCLINE_ADMIN_KEY"


class AccountsClient:
    """Users and all that belongs to them, as an administrator. Use it in `with`, from any thread; calls block.

    with AccountsClient("https://app.example.com", key) as accounts:
        for user in accounts.users.list(search="@example.com"):
            ...

    Every method raises AccountsError for what the server refuses, and ConnectionLostError without an answer.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | AdminKey | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        ssl_context: ssl.SSLContext | None = None,
        transport: Transport | None = None,
    ) -> None:
        """`url` and `key` are those of the environment, SYNCLINE_URL and SYNCLINE_ADMIN_KEY, unless they are given.

        `timeout` is that of one try, in seconds; `retries` how often a request that is safe to repeat is repeated:
        reading, and what the server has not begun. `transport` sends in place of HTTP. Raises ClientError.
        """
        if transport is None:
            transport = HttpTransport(
                _needed(url, URL, "the address of the server, such as https://app.example.com"),
                _needed(
                    key.key if isinstance(key, AdminKey) else key,
                    KEY,
                    "an admin key: syncline keys create NAME",
                ),
                timeout=timeout,
                retries=retries,
                ssl_context=ssl_context,
            )
        self._transport = transport
        self._requests = requests = Requests(transport)
        self.users = Users(requests)
        self.merges = Merges(requests)
        self.sessions = Sessions(requests)
        self.api_keys = ApiKeys(requests)
        self.organizations = Organizations(requests)
        self.invitations = Invitations(requests)
        self.rules = Rules(requests)
        self.webhooks = Webhooks(requests)
        self.signing_keys = SigningKeys(requests)
        self.audit = Audit(requests)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Any request below `/auth/v1`: the answer's JSON, times in milliseconds."""
        return self._requests.raw(method, path, query, body)

    def close(self) -> None:
        """Close connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _needed(given: str | None, variable: str, what: str) -> str:
    found = given or os.environ.get(variable)
    if not found:
        raise ClientError(f"AccountsClient needs {what}; give it, or set {variable}")
    return found
