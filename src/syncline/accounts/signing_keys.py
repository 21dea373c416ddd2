"""The keys that access tokens are signed with: sealed at rest, published by their public halves, replaced by command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .core import Core

#: How long a new key is published before it signs, so that everybody who keeps key sets has seen it (seconds).
ANNOUNCED_SECONDS = 24 * 3600
#: How long the longest-lived token of an old key may still be around.
_OUTLIVED_SECONDS = 3600 + 300
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningKey:
    id: str
    algorithm: str
    public: dict[str, Any]
    created_at: int
    #: When it begins to sign.
    active_at: int
    #: When another one took over.
    retired_at: int | None


def make_key(algorithm: str) -> tuple[str, str]:
    """A new key pair as JSON Web Keys: private and public. An RSA key takes a tenth of a second."""
    from joserfc.jwk import ECKey, RSAKey

    key = RSAKey.generate_key(_RSA_BITS) if algorithm == "RS256" else ECKey.generate_key("P-256")
    return json.dumps(key.as_dict(private=True)), json.dumps(key.as_dict(private=False))


def ensure(core: Core) -> None:
    """Make the first key. A changed algorithm makes another one at once: both are published."""
    active = current(core)
    if active is None or active.algorithm != core.settings.accounts.algorithm:
        _add(core, core.now())


def rotate(core: Core, *, revoke_now: bool = False) -> SigningKey:
    """Make a new key, which signs from tomorrow on. `revoke_now`: at once, and tokens of all others are refused."""
    if revoke_now:
        core.file.change("DELETE FROM signing_keys")
        return _add(core, core.now())
    waiting = [key for key in published(core) if key.active_at > core.now()]
    return waiting[0] if waiting else _add(core, core.now() + ANNOUNCED_SECONDS)


def current(core: Core) -> SigningKey | None:
    """The key that signs now."""
    keys = [key for key in published(core) if key.active_at <= core.now() and key.retired_at is None]
    return max(keys, key=lambda key: key.active_at, default=None)


def private_key(core: Core, id: str) -> str:
    """The private half, as JSON."""
    sealed: str = core.file.value("SELECT private FROM signing_keys WHERE id = ?", id)
    return core.box.open(sealed, f"identity:key:{id}")


def published(core: Core) -> list[SigningKey]:
    """All keys that tokens may be verified with, the next one included."""
    _retire(core)
    rows = core.file.rows(
        "SELECT id, algorithm, public, created_at, active_at, retired_at FROM signing_keys ORDER BY active_at"
    )
    return [SigningKey(id, alg, json.loads(public), *times) for id, alg, public, *times in rows]


def key_set(core: Core) -> dict[str, Any]:
    """The published keys as a JSON Web Key Set."""
    return {
        "keys": [{**key.public, "kid": key.id, "alg": key.algorithm, "use": "sig"} for key in published(core)]
    }


def _add(core: Core, active_at: int) -> SigningKey:
    algorithm = core.settings.accounts.algorithm
    private, public = make_key(algorithm)
    id = core.new_id("key")
    core.file.change(
        "INSERT INTO signing_keys VALUES (?, ?, ?, ?, ?, ?, NULL)",
        id,
        algorithm,
        core.box.seal(private, f"identity:key:{id}"),
        public,
        core.now(),
        active_at,
    )
    _retire(core)
    return SigningKey(id, algorithm, json.loads(public), core.now(), active_at, None)


def _retire(core: Core) -> None:
    """Keys before the one that signs are retired at the moment it took over, and forgotten once no token is left."""
    now = core.now()
    newest: int | None = core.file.value("SELECT max(active_at) FROM signing_keys WHERE active_at <= ?", now)
    if newest is None:
        return
    core.file.change(
        "UPDATE signing_keys SET retired_at = ? WHERE active_at < ? AND retired_at IS NULL", newest, newest
    )
    core.file.change("DELETE FROM signing_keys WHERE retired_at < ?", now - _OUTLIVED_SECONDS)
