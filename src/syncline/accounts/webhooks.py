"""Webhooks: events to other servers, signed as Svix signs them, tried again until they arrive."""

from __future__ import annotations

import base64
import hmac
import logging
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from . import audit
from .core import AccountError, Core
from .outbox_loop import OutboxLoop
from .outgoing import Outgoing, OutgoingError, send
from .workers import Workers

logger = logging.getLogger("syncline.accounts")

_SECRET = "whsec_"  # noqa: S105 - the prefix of secrets, not one
_SECRET_BYTES = 24
#: Seconds between tries. After the last the delivery has failed.
_WAITS = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
HOOKS = 50


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    events: list[str]
    created_at: int
    disabled: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    webhook: str
    message: str
    type: str
    body: str
    url: str
    secret: str = field(repr=False)
    tries: int


def create(core: Core, url: str, events: list[str], *, actor: str | None = None) -> tuple[Webhook, str]:
    """A receiver of these events (`user.*`, `*`), and the secret with which it checks them."""
    _check_url(core, url)
    if core.file.value("SELECT count(*) FROM webhooks") >= HOOKS:
        raise AccountError("error.too_many_webhooks", limit=HOOKS)
    id, key = core.new_id("wh"), core.entropy.bytes(_SECRET_BYTES)
    secret = _SECRET + base64.b64encode(key).decode()
    core.file.change(
        "INSERT INTO webhooks VALUES (?, ?, ?, ?, ?, NULL)",
        id,
        url,
        core.box.seal(secret, f"identity:webhook:{id}"),
        ",".join(events or ["*"]),
        core.now(),
    )
    audit.record(core, "webhook.created", None, actor=actor, url=url)
    return Webhook(id, url, events or ["*"], core.now(), False), secret


def listed(core: Core) -> list[Webhook]:
    rows = core.file.rows(
        "SELECT id, url, events, created_at, disabled_at FROM webhooks ORDER BY created_at, id"
    )
    return [Webhook(id, url, events.split(","), at, off is not None) for id, url, events, at, off in rows]


def update(core: Core, id: str, url: str, events: list[str], *, disabled: bool) -> None:
    """What waits for one that is disabled waits until it is not."""
    _check_url(core, url)
    core.file.change(
        "UPDATE webhooks SET url = ?, events = ?, disabled_at = CASE WHEN ? THEN coalesce(disabled_at, ?) END WHERE id = ?",
        url,
        ",".join(events or ["*"]),
        disabled,
        core.now(),
        id,
    )
    core.posted = True


def delete(core: Core, id: str) -> bool:
    return core.file.change("DELETE FROM webhooks WHERE id = ?", id) > 0


def deliveries(core: Core, webhook: str, limit: int = 100, *, before: int = 2**62) -> list[dict[str, Any]]:
    """The newest deliveries to a receiver older than the one numbered `before`, with what became of them."""
    rows = core.file.rows(
        "SELECT id, message, type, created_at, tries, delivered_at, error FROM deliveries WHERE webhook = ? "
        "AND id < ? ORDER BY id DESC LIMIT ?",
        webhook,
        before,
        limit,
    )
    names = ("id", "message", "type", "created_at", "tries", "delivered_at", "error")
    return [dict(zip(names, row, strict=True)) for row in rows]


def count_waiting(core: Core) -> int:
    """How many deliveries are to be made, now or later."""
    found: int = core.file.value("SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL")
    return found


def replay(core: Core, webhook: str, delivery: int) -> bool:
    """Send once more what was delivered, or given up. False: this receiver has no such delivery."""
    core.posted = True
    changed = core.file.change(
        "UPDATE deliveries SET next_at = ?, tries = 0 WHERE id = ? AND webhook = ?",
        core.now(),
        delivery,
        webhook,
    )
    return changed > 0


def sign(secret: str, message: str, at: int, body: str) -> dict[str, str]:
    """The headers by which a receiver knows that the body is ours, under both of their names."""
    key = base64.b64decode(secret.removeprefix(_SECRET))
    signature = base64.b64encode(hmac.digest(key, f"{message}.{at}.{body}".encode(), sha256)).decode()
    values = {"id": message, "timestamp": str(at), "signature": f"v1,{signature}"}
    return {f"{prefix}-{name}": value for prefix in ("webhook", "svix") for name, value in values.items()}


class WebhookSender:
    """Delivers what waits."""

    def __init__(self, core: Core, workers: Workers, outgoing: Outgoing) -> None:
        self._core = core
        self._workers = workers
        self._outgoing = outgoing
        #: What calls `deliver_due`.
        self.loop = OutboxLoop("webhooks", self.deliver_due, self._next_wait)

    async def deliver_due(self) -> int:
        """Deliver what is due. How many deliveries were tried."""
        found = await self._workers.run(_due, self._core)
        for delivery in found:
            await self._deliver(delivery)
        return len(found)

    async def _next_wait(self) -> float | None:
        due: int | None = await self._workers.run(
            lambda: self._core.file.value("SELECT min(next_at) FROM deliveries")
        )
        return None if due is None else due - self._core.now()

    async def _deliver(self, delivery: Delivery) -> None:
        core = self._core
        headers = {
            "content-type": "application/json",
            **sign(delivery.secret, delivery.message, core.now(), delivery.body),
        }
        try:
            answer = await self._outgoing.run(
                send,
                "POST",
                delivery.url,
                production=core.settings.production,
                headers=headers,
                body=delivery.body.encode(),
                public_only=True,
            )
            error = None if 200 <= answer.status < 300 else f"status {answer.status}"
        except OutgoingError as failure:
            error = str(failure)
        await self._workers.run(_tried, core, delivery, error)
        if error is not None:
            logger.warning("a webhook (%s, %s) was not delivered: %s", delivery.type, delivery.webhook, error)


def _check_url(core: Core, url: str) -> None:
    local = not core.settings.production and url.startswith(("http://localhost", "http://127.0.0.1"))
    if not url.startswith("https://") and not local:
        raise AccountError("error.redirect")


def _due(core: Core, limit: int = 20) -> list[Delivery]:
    rows = core.file.rows(
        "SELECT deliveries.id, webhook, message, type, body, url, secret, tries FROM deliveries "
        "JOIN webhooks ON webhooks.id = webhook WHERE next_at <= ? AND disabled_at IS NULL ORDER BY next_at, deliveries.id LIMIT ?",
        core.now(),
        limit,
    )
    return [
        Delivery(id, hook, message, type, body, url, core.box.open(secret, f"identity:webhook:{hook}"), tries)
        for id, hook, message, type, body, url, secret, tries in rows
    ]


def _tried(core: Core, delivery: Delivery, error: str | None) -> None:
    if error is None:
        core.file.change(
            "UPDATE deliveries SET next_at = NULL, delivered_at = ?, error = NULL, tries = tries + 1 WHERE id = ?",
            core.now(),
            delivery.id,
        )
        return
    again = core.now() + _WAITS[delivery.tries] if delivery.tries < len(_WAITS) else None
    core.file.change(
        "UPDATE deliveries SET next_at = ?, error = ?, tries = tries + 1 WHERE id = ?",
        again,
        error[:300],
        delivery.id,
    )
