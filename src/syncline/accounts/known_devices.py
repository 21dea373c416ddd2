"""Browsers in which a user has completed a sign-in before, by a cookie that outlives sessions.

The cookie lets nobody in. It only chooses whose limits the attempts at its users' accounts count in: those of this
browser, which strangers cannot use up. Whoever copies it gains those limits and nothing else.
"""

from __future__ import annotations

from syncline.kernel.proxies import subscriber_of

from .core import Core, Visitor

#: How long after the last sign-in there a device is known (seconds).
SECONDS = 180 * 24 * 3600
#: Known devices of one user, users of one browser, and networks of one device; those least lately used are forgotten.
PER_USER = 20
PER_BROWSER = 10
NETWORKS = 5
SECRET_LENGTH = 43


def find(core: Core, secret: str, user_id: str) -> str | None:
    """The id of the device with this secret, if the user has signed in there. It stays when the secret is renewed."""
    id: str | None = core.file.value(
        "SELECT id FROM known_devices WHERE secret_hash = ? AND user_id = ? AND seen_at > ?",
        core.digest("known_device", secret),
        user_id,
        core.now() - SECONDS,
    )
    return id


def is_network_of(core: Core, address: str, user_id: str) -> bool:
    """Whether the user has signed in from this network, on a device that is known."""
    found = core.file.row(
        "SELECT 1 FROM known_devices JOIN known_networks ON device = id WHERE user_id = ? AND network_hash = ? "
        "AND known_networks.seen_at > ?",
        user_id,
        _network(core, address),
        core.now() - SECONDS,
    )
    return found is not None


def renew(core: Core, user_id: str, session_id: str, visitor: Visitor) -> str:
    """The user has signed in: a new secret for the cookie of the browser.

    The old one is worth nothing from now on, for its other users neither: it may be known to who put it there.
    """
    old, secret = core.digest("known_device", visitor.device), core.new_secret()
    new = core.digest("known_device", secret)
    core.file.change("UPDATE known_devices SET secret_hash = ? WHERE secret_hash = ?", new, old)
    core.file.change(
        "INSERT INTO known_devices VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(secret_hash, user_id) DO UPDATE "
        "SET session_id = excluded.session_id, seen_at = excluded.seen_at",
        core.new_id("known"),
        new,
        user_id,
        session_id,
        core.now(),
        core.now(),
    )
    _add_network(core, user_id, new, visitor.address)
    for column, value, most in (("user_id", user_id, PER_USER), ("secret_hash", new, PER_BROWSER)):
        core.file.change(
            f"DELETE FROM known_devices WHERE id IN (SELECT id FROM known_devices WHERE {column} = ? "  # noqa: S608 - columns from here
            "ORDER BY seen_at DESC, user_id = ? DESC, id LIMIT -1 OFFSET ?)",
            value,
            user_id,
            most,
        )
    return secret


def forget(core: Core, session_id: str) -> None:
    """The user wants nothing more to do with the device on which this session began."""
    core.file.change("DELETE FROM known_devices WHERE session_id = ?", session_id)


def forget_all(core: Core, user_id: str, *, but: str | None = None, device: str = "") -> None:
    """Forget all devices of a user, but that of one session, and the one with this secret.

    The device at hand is kept: who ends everything because of an attack must not become a stranger to his account by it.
    """
    core.file.change(
        "DELETE FROM known_devices WHERE user_id = ? AND session_id IS NOT ? AND secret_hash <> ?",
        user_id,
        but,
        core.digest("known_device", device),
    )


def listed(core: Core, user_id: str) -> list[tuple[int, int]]:
    """When the user first and last signed in on each known device, the latest first."""
    rows = core.file.rows(
        "SELECT created_at, seen_at FROM known_devices WHERE user_id = ? AND seen_at > ? ORDER BY seen_at DESC, id",
        user_id,
        core.now() - SECONDS,
    )
    return [(created, seen) for created, seen in rows]


def trim(core: Core) -> None:
    for table in ("known_devices", "known_networks"):
        core.file.change(f"DELETE FROM {table} WHERE seen_at <= ?", core.now() - SECONDS)  # noqa: S608 - names from here


def _add_network(core: Core, user_id: str, secret_hash: bytes, address: str) -> None:
    device = core.file.value(
        "SELECT id FROM known_devices WHERE secret_hash = ? AND user_id = ?", secret_hash, user_id
    )
    core.file.change(
        "INSERT OR REPLACE INTO known_networks VALUES (?, ?, ?)", device, _network(core, address), core.now()
    )
    core.file.change(
        "DELETE FROM known_networks WHERE device = ? AND network_hash IN (SELECT network_hash FROM known_networks "
        "WHERE device = ? ORDER BY seen_at DESC, network_hash = ? DESC LIMIT -1 OFFSET ?)",
        device,
        device,
        _network(core, address),
        NETWORKS,
    )


def _network(core: Core, address: str) -> bytes:
    return core.digest("network", subscriber_of(address))
