"""`accounts.webhooks`, `accounts.signing_keys` and `accounts.audit`."""

from __future__ import annotations

from collections.abc import Sequence

from .pages import UNSET, Pages, Requests, Unset, part
from .records import Delivery, NewWebhook, SecurityEvent, SigningKey, Webhook


class Webhooks:
    """Receivers of events."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self) -> Pages[Webhook]:
        """All of them."""
        return self._requests.pages(Webhook, "/webhooks", 0)

    def get(self, webhook: str) -> Webhook:
        """One."""
        return self._requests.get(Webhook, f"/webhooks/{part(webhook)}")

    def create(self, url: str, events: Sequence[str] = ("*",)) -> NewWebhook:
        """A receiver of these (`user.*`, `session.created`). The answer's `secret` is told once."""
        return self._requests.send(NewWebhook, "POST", "/webhooks", url=url, events=tuple(events))

    def update(
        self,
        webhook: str,
        *,
        url: str | Unset = UNSET,
        events: Sequence[str] | Unset = UNSET,
        disabled: bool | Unset = UNSET,
    ) -> Webhook:
        """Change what is given. What waits for one that is disabled waits on."""
        path = f"/webhooks/{part(webhook)}"
        return self._requests.send(Webhook, "PATCH", path, url=url, events=events, disabled=disabled)

    def delete(self, webhook: str) -> None:
        """Delete one, with what waits for it."""
        self._requests.delete(f"/webhooks/{part(webhook)}")

    def deliveries(self, webhook: str, *, page_size: int = 100) -> Pages[Delivery]:
        """The newest first, with what became of them."""
        return self._requests.pages(Delivery, f"/webhooks/{part(webhook)}/deliveries", page_size)

    def replay(self, webhook: str, delivery: int) -> None:
        """Send it once more."""
        self._requests.raw("POST", f"/webhooks/{part(webhook)}/deliveries/{delivery}/replay")


class SigningKeys:
    """The keys that access tokens are signed with, without their secrets."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self) -> Pages[SigningKey]:
        """Those that tokens are verified with, the next one included."""
        return self._requests.pages(SigningKey, "/signing-keys", 0)

    def rotate(self, *, revoke_now: bool = False) -> SigningKey:
        """A new one: published today, signing from tomorrow on; with `revoke_now` at once, and old tokens are refused."""
        return self._requests.send(SigningKey, "POST", "/signing-keys", revoke_now=revoke_now)


class Audit:
    """The log of security events."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, *, user: str = "", after: int = 0, page_size: int = 100) -> Pages[SecurityEvent]:
        """All or one user's, the oldest first; only what follows the one numbered `after`."""
        return self._requests.pages(SecurityEvent, "/audit", page_size, start=after, user=user)
