"""`accounts.sessions` and `accounts.api_keys`."""

from __future__ import annotations

from collections.abc import Sequence

from .pages import UNSET, Pages, Requests, Unset, part
from .records import ApiKey, NewApiKey, Session


class Sessions:
    """Devices that are signed in."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, *, user: str = "", page_size: int = 100) -> Pages[Session]:
        """Those that live, of all or of one user."""
        return self._requests.pages(Session, "/sessions", page_size, user=user)

    def get(self, session: str) -> Session:
        """One that lives."""
        return self._requests.get(Session, f"/sessions/{part(session)}")

    def revoke(self, session: str) -> None:
        """End one; its tokens are refused at once."""
        self._requests.delete(f"/sessions/{part(session)}")

    def revoke_all(self, user: str) -> int:
        """End all of a user. How many there were."""
        return int(self._requests.delete("/sessions", user=user)["revoked"])


class ApiKeys:
    """Keys of programs that act as a user."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, *, user: str = "", page_size: int = 100) -> Pages[ApiKey]:
        """Those that work, of all or of one user."""
        return self._requests.pages(ApiKey, "/api-keys", page_size, user=user)

    def create(
        self, user: str, name: str, *, scopes: Sequence[str] = (), days: int | Unset = UNSET
    ) -> NewApiKey:
        """Make one, good for so many days, or until it is revoked. The answer's `secret` is told once."""
        wanted = tuple(scopes)
        return self._requests.send(
            NewApiKey, "POST", "/api-keys", user=user, name=name, scopes=wanted, days=days
        )

    def revoke(self, key: str) -> None:
        """End one; its tokens are refused at once."""
        self._requests.delete(f"/api-keys/{part(key)}")
