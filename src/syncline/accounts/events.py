"""What happened to users and sessions, for webhooks: written with the transaction that did it, delivered later."""

from __future__ import annotations

from typing import Any

from . import users
from .core import Core, dumps


def emit(core: Core, type: str, data: dict[str, Any]) -> None:
    """One event of this type, as Clerk names them: `user.created`, `session.revoked`, `organization.deleted`, ..."""
    hooks = core.file.rows("SELECT id, events FROM webhooks WHERE disabled_at IS NULL")
    wanted = [id for id, patterns in hooks if _wants(patterns, type)]
    if not wanted:
        return
    waiting: int = core.file.value("SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL")
    if waiting >= core.settings.limits.webhooks_waiting:
        return
    message = core.new_id("msg")
    body = dumps({"type": type, "object": "event", "timestamp": core.now() * 1000, "data": data})
    for id in wanted:
        core.file.change(
            "INSERT INTO deliveries(webhook, message, type, body, created_at, next_at) VALUES (?, ?, ?, ?, ?, ?)",
            id,
            message,
            type,
            body,
            core.now(),
            core.now(),
        )
    core.posted = True


def user_changed(core: Core, type: str, user_id: str) -> None:
    """`user.created` or `user.updated`, with the user as it is now."""
    user = users.get(core, user_id)
    if user is not None:
        emit(core, type, describe_user(user, private=True))


def describe_user(user: users.User, *, private: bool = False) -> dict[str, Any]:
    """A user as JSON. `private`: for the backend's eyes, with private metadata."""
    described: dict[str, Any] = {
        "id": user.id,
        "object": "user",
        "external_id": user.external_id,
        "name": user.name,
        "image_url": user.picture,
        "locale": user.locale,
        "email": user.email,
        "email_verified": user.email_verified,
        "email_addresses": [
            {"email_address": address.email, "verified": address.verified, "primary": address.primary}
            for address in user.addresses
        ],
        "public_metadata": user.public_metadata,
        "unsafe_metadata": user.unsafe_metadata,
        "banned": user.banned_at is not None,
        "locked": user.locked_at is not None,
        "created_at": user.created_at * 1000,
        "updated_at": user.updated_at * 1000,
        "last_sign_in_at": None if user.signed_in_at is None else user.signed_in_at * 1000,
    }
    if private:
        described["private_metadata"] = user.private_metadata
    return described


def _wants(patterns: str, type: str) -> bool:
    """Whether `user.*,session.created` or `*` means this type."""
    return any(
        pattern in ("*", type) or (pattern.endswith(".*") and type.startswith(pattern[:-1]))
        for pattern in patterns.split(",")
    )
