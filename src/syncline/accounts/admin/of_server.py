"""Webhooks, signing keys and the log."""

from __future__ import annotations

from typing import Any

from syncline.accounts import audit, signing_keys, users, webhooks
from syncline.accounts.core import ms
from syncline.accounts.webhooks import Webhook

from .asking import Asked, Endpoint, missing, page
from .describing import describe_event, describe_signing_key, describe_webhook

#: Newer than every delivery: where the first page begins.
_NEWEST = 2**62


def _list(asked: Asked) -> Any:
    return {"data": [describe_webhook(hook) for hook in webhooks.listed(asked.core)], "next": None}


def _show(asked: Asked) -> Any:
    return describe_webhook(_webhook(asked))


def _create(asked: Asked) -> Any:
    wanted = asked.texts("events") if "events" in asked else []
    with asked.about("url"):
        hook, secret = webhooks.create(asked.core, asked.text("url", length=2000), wanted, actor=asked.actor)
    return {**describe_webhook(hook), "secret": secret}


def _update(asked: Asked) -> Any:
    hook = _webhook(asked)
    url = asked.text("url", hook.url, length=2000)
    wanted = asked.texts("events") if "events" in asked else hook.events
    with asked.about("url"):
        webhooks.update(asked.core, hook.id, url, wanted, disabled=asked.flag("disabled", hook.disabled))
    asked.record("webhook.updated", None, webhook=hook.id, fields=sorted(asked.given))
    return describe_webhook(_webhook(asked))


def _delete(asked: Asked) -> Any:
    hook = _webhook(asked)
    webhooks.delete(asked.core, hook.id)
    asked.record("webhook.deleted", None, webhook=hook.id, url=hook.url)
    return {"id": hook.id, "deleted": True}


def _deliveries(asked: Asked) -> Any:
    hook, before = _webhook(asked), asked.number("after", _NEWEST, most=_NEWEST)
    found = webhooks.deliveries(asked.core, hook.id, asked.limit + 1, before=before)
    return page([{**each, "created_at": ms(each["created_at"]), "delivered_at": ms(each["delivered_at"])} for each in found], asked.limit)  # fmt: skip


def _replay(asked: Asked) -> Any:
    hook, delivery = _webhook(asked), asked.path["delivery"]
    number = int(delivery) if delivery.isascii() and delivery.isdigit() and len(delivery) < 19 else 0
    if not webhooks.replay(asked.core, hook.id, number):
        raise missing()
    asked.record("webhook.replayed", None, webhook=hook.id, delivery=number)
    return {"id": number, "replayed": True}


def _webhook(asked: Asked) -> Webhook:
    wanted = asked.path["webhook"]
    found = next((hook for hook in webhooks.listed(asked.core) if hook.id == wanted), None)
    if found is None:
        raise missing()
    return found


def _list_keys(asked: Asked) -> Any:
    return {"data": [describe_signing_key(key) for key in signing_keys.published(asked.core)], "next": None}


def _rotate(asked: Asked) -> Any:
    now = asked.flag("revoke_now")
    key = signing_keys.rotate(asked.core, revoke_now=now)
    asked.record("signing_key.rotated", None, key=key.id, revoke_now=now)
    return describe_signing_key(key)


def _log(asked: Asked) -> Any:
    user_id = None
    if "user" in asked:
        # Also of who is gone: the log outlives its users, and then only their ids are left.
        text = asked.text("user")
        found = users.find(asked.core, text)
        user_id = text if found is None else found.id
    after = asked.number("after", 0)
    entries = audit.entries(asked.core, user_id=user_id, after=after, limit=asked.limit + 1)
    return page([describe_event(entry) for entry in entries], asked.limit)


ENDPOINTS = (
    Endpoint("GET", "/webhooks", _list, "all of them"),
    Endpoint(
        "POST",
        "/webhooks",
        _create,
        "a receiver of `events` (`user.*`; all without). Its `secret` is in this answer and nowhere else",
        ("url", "events"),
        201,
    ),
    Endpoint("GET", "/webhooks/{webhook}", _show, "one"),
    Endpoint("PATCH", "/webhooks/{webhook}", _update, "changes what is given", ("url", "events", "disabled")),
    Endpoint("DELETE", "/webhooks/{webhook}", _delete, "deletes one, with what waits for it"),
    Endpoint(
        "GET", "/webhooks/{webhook}/deliveries", _deliveries, "the newest first, with what became of them", ("after", "limit")
    ),
    Endpoint("POST", "/webhooks/{webhook}/deliveries/{delivery}/replay", _replay, "sends it once more"),
    Endpoint("GET", "/signing-keys", _list_keys, "those that tokens are verified with, without their secrets"),
    Endpoint(
        "POST",
        "/signing-keys",
        _rotate,
        "a new one: published today, signing from tomorrow on. With `revoke_now` at once, and old tokens are refused",
        ("revoke_now",),
        201,
    ),
    Endpoint(
        "GET", "/audit", _log, "security events, the oldest first, kept for 400 days", ("user", "after", "limit")
    ),
)  # fmt: skip
