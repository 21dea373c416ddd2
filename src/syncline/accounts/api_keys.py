"""API keys: secrets for programs that act as a user. They are exchanged for access tokens like a session's."""

from __future__ import annotations

from dataclasses import dataclass

from . import audit, users
from .core import AccountError, Core, Visitor

PREFIX = "sk_"
PER_USER = 50
_USED_EVERY = 60


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    user_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    used_at: int | None


def create(
    core: Core,
    user_id: str,
    name: str,
    scopes: tuple[str, ...] = (),
    *,
    seconds: int | None = None,
    visitor: Visitor | None = None,
    actor: str | None = None,
) -> tuple[ApiKey, str]:
    """A key for a user, and its secret, which is nowhere else."""
    user = users.require(core, user_id)
    name = users.clean_name(name)
    if not name:
        raise AccountError("error.key_name")
    if len(listed(core, user.id)) >= PER_USER:
        raise AccountError("error.too_many_keys", limit=PER_USER)
    id, secret = core.new_id("key"), PREFIX + core.new_secret()
    expires_at = None if seconds is None else core.now() + seconds
    core.file.change(
        "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        id,
        core.digest("api key", secret),
        user.id,
        name,
        " ".join(scopes),
        core.now(),
        expires_at,
    )
    audit.record(core, "api_key.created", user.id, visitor, actor=actor, name=name, key=id)
    return ApiKey(id, user.id, name, scopes, core.now(), expires_at, None), secret


def find(core: Core, secret: str) -> ApiKey | None:
    """The key with this secret, of a user who may sign in. Its use is noted."""
    id = core.file.value(
        "SELECT id FROM api_keys WHERE secret_hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
        core.digest("api key", secret),
        core.now(),
    )
    if id is None:
        return None
    key = _get(core, id)
    user = users.get(core, key.user_id)
    if user is None or not user.usable:
        return None
    if key.used_at is None or core.now() - key.used_at >= _USED_EVERY:
        core.file.change("UPDATE api_keys SET used_at = ? WHERE id = ?", core.now(), id)
    return key


def listed(core: Core, user_id: str) -> list[ApiKey]:
    """Keys that work, newest first."""
    rows = core.file.rows(
        "SELECT id FROM api_keys WHERE user_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) "
        "ORDER BY created_at DESC, id",
        user_id,
        core.now(),
    )
    return [_get(core, id) for (id,) in rows]


def all_good(core: Core, user_id: str | None, *, after: str, limit: int) -> list[ApiKey]:
    """Keys that work, of everybody or of one, in the order of their ids."""
    rows = core.file.rows(
        "SELECT id FROM api_keys WHERE id > ? AND (? IS NULL OR user_id = ?) AND revoked_at IS NULL "
        "AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT ?",
        after,
        user_id,
        user_id,
        core.now(),
        limit,
    )
    return [_get(core, id) for (id,) in rows]


def get(core: Core, id: str) -> ApiKey | None:
    """The key of this id, whether it works or not."""
    return _get(core, id) if core.file.row("SELECT 1 FROM api_keys WHERE id = ?", id) else None


def revoke(
    core: Core, user_id: str, id: str, visitor: Visitor | None = None, *, actor: str | None = None
) -> bool:
    """End a key of the user. Tokens that were made with it are refused from now on."""
    changed = core.file.change(
        "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND user_id = ? AND revoked_at IS NULL",
        core.now(),
        id,
        user_id,
    )
    if changed:
        core.ended.append(id)
        audit.record(core, "api_key.revoked", user_id, visitor, actor=actor, key=id)
    return changed > 0


def revoke_all(core: Core, user_id: str, visitor: Visitor | None = None, *, actor: str | None = None) -> int:
    """End all of the user's keys. How many there were."""
    return sum(revoke(core, user_id, key.id, visitor, actor=actor) for key in listed(core, user_id))


def give(core: Core, key: ApiKey, user_id: str) -> None:
    """Let a key act as this user from now on. It gets another id: tokens of before name the old one, and are refused."""
    core.file.change(
        "UPDATE api_keys SET id = ?, user_id = ? WHERE id = ?", core.new_id("key"), user_id, key.id
    )
    core.ended.append(key.id)


def _get(core: Core, id: str) -> ApiKey:
    row = core.file.row(
        "SELECT id, user_id, name, scopes, created_at, expires_at, used_at FROM api_keys WHERE id = ?", id
    )
    assert row is not None
    key, user_id, name, scopes, created_at, expires_at, used_at = row
    return ApiKey(key, user_id, name, tuple(scopes.split()), created_at, expires_at, used_at)
