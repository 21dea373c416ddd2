"""Sessions: a secret in the browser's cookie, of which only a hash is kept, and what is known of its device."""

from __future__ import annotations

import json
from dataclasses import dataclass

from . import known_devices
from .core import AccountError, Core, Visitor
from .events import emit
from .users import User

_COLUMNS = (
    "id, user_id, client_id, created_at, seen_at, expires_at, idle_seconds, address, agent, methods, first_at, "
    "second_at, organization, actor"
)
_DAY = 24 * 3600
#: How often the time of last use is written down (seconds).
_SEEN_EVERY = 60
#: A user's sessions at the same time; the oldest ends when there is one more.
PER_USER = 100
#: How long ended sessions stay in the file, for the list of devices and for tokens that are still out.
_KEPT_SECONDS = 30 * _DAY
_AGENT_LENGTH = 300
#: Why a session ended that somebody ended from elsewhere.
_REVOKED = "revoked"

#: Why a session ended that its holder ended; all other reasons revoke it.
_SIGNED_OUT = "signed out"


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    user_id: str
    client_id: str
    created_at: int
    seen_at: int
    expires_at: int
    idle_seconds: int
    address: str
    agent: str
    #: How its holder signed in: `pwd`, `otp`, `hwk`, ... as RFC 8176 names them.
    methods: tuple[str, ...]
    first_at: int
    second_at: int | None
    #: The organisation for which its holder acts.
    organization: str | None
    #: Who acts as the user: an administrator.
    actor: str | None

    @property
    def ends_at(self) -> int:
        """When it ends unless it is used."""
        return min(self.expires_at, self.seen_at + self.idle_seconds)


def begin(
    core: Core,
    user: User,
    visitor: Visitor,
    methods: tuple[str, ...],
    *,
    second: bool = False,
    actor: str | None = None,
    seconds: int | None = None,
    proved_at: tuple[int, int | None] | None = None,
) -> tuple[Session, str]:
    """A new session, and its secret. Raises AccountError for users who may not sign in.

    `proved_at`: when its holder proved the first and the second step, if not just now.
    """
    if not user.usable:
        raise AccountError("error.banned", status=403)
    now = core.now()
    accounts = core.settings.accounts
    id, secret = core.new_id("sess"), core.new_secret()
    lifetime = seconds or int(accounts.max_days * _DAY)
    first_at, second_at = proved_at or (now, now if second else None)
    organization = core.file.value(
        "SELECT organization FROM sessions WHERE user_id = ? AND actor IS NULL ORDER BY created_at DESC LIMIT 1",
        user.id,
    )
    if organization and not core.file.row(
        "SELECT 1 FROM memberships WHERE organization = ? AND user_id = ?", organization, user.id
    ):
        organization = None
    core.file.change(
        f"INSERT INTO sessions({_COLUMNS}, secret_hash) VALUES ({', '.join('?' * 15)})",  # noqa: S608 - columns from here
        id,
        user.id,
        core.new_id("client"),
        now,
        now,
        now + lifetime,
        min(lifetime, int(accounts.idle_days * _DAY)),
        visitor.address,
        visitor.agent[:_AGENT_LENGTH],
        json.dumps(methods),
        first_at,
        second_at,
        organization,
        actor,
        core.digest("session", secret),
    )
    if actor is None:
        core.file.change("UPDATE users SET signed_in_at = ? WHERE id = ?", now, user.id)
    for old in listed(core, user.id)[PER_USER:]:
        end(core, old.id, "too many")
    session = get(core, id)
    assert session is not None
    _tell(core, "session.created", id, user.id, "active")
    return session, secret


def find(core: Core, secret: str) -> Session | None:
    """The live session with this secret. Its use is noted."""
    id = core.file.value("SELECT id FROM sessions WHERE secret_hash = ?", core.digest("session", secret))
    session = None if id is None else get(core, id)
    if session is not None and core.now() - session.seen_at >= _SEEN_EVERY:
        core.file.change("UPDATE sessions SET seen_at = ? WHERE id = ?", core.now(), id)
    return session


def get(core: Core, id: str) -> Session | None:
    """A live session: not ended, not expired, of a user who may sign in."""
    row = core.file.row(
        f"SELECT {_COLUMNS} FROM sessions WHERE id = ? AND ended_at IS NULL AND expires_at > ? "  # noqa: S608 - as above
        "AND seen_at + idle_seconds > ? AND EXISTS(SELECT 1 FROM users WHERE users.id = user_id AND banned_at IS NULL "
        "AND locked_at IS NULL)",
        id,
        core.now(),
        core.now(),
    )
    return None if row is None else _session(row)


def require_live(core: Core, id: str) -> None:
    """Raises AccountError for a session that has ended, perhaps while its request waited for something."""
    if get(core, id) is None:
        raise AccountError("error.signed_out", status=401)


def listed(core: Core, user_id: str) -> list[Session]:
    """A user's live sessions, newest first."""
    rows = core.file.rows(
        f"SELECT {_COLUMNS} FROM sessions WHERE user_id = ? AND ended_at IS NULL AND expires_at > ? "  # noqa: S608 - as above
        "AND seen_at + idle_seconds > ? ORDER BY created_at DESC, id",
        user_id,
        core.now(),
        core.now(),
    )
    return [_session(row) for row in rows]


def all_live(core: Core, user_id: str | None, *, after: str, limit: int) -> list[Session]:
    """Live sessions of everybody or of one, in the order of their ids."""
    rows = core.file.rows(
        f"SELECT {_COLUMNS} FROM sessions WHERE id > ? AND (? IS NULL OR user_id = ?) AND ended_at IS NULL "  # noqa: S608 - as above
        "AND expires_at > ? AND seen_at + idle_seconds > ? ORDER BY id LIMIT ?",
        after,
        user_id,
        user_id,
        core.now(),
        core.now(),
        limit,
    )
    return [_session(row) for row in rows]


def new_secret(core: Core, id: str) -> str:
    """Another secret for the session: whoever held the old one is out."""
    secret = core.new_secret()
    core.file.change("UPDATE sessions SET secret_hash = ? WHERE id = ?", core.digest("session", secret), id)
    return secret


def confirm(core: Core, id: str, *, second: bool) -> None:
    """Its holder has just proved again who he is."""
    column = "second_at" if second else "first_at"
    core.file.change(f"UPDATE sessions SET {column} = ? WHERE id = ?", core.now(), id)  # noqa: S608 - as above


def choose_organization(core: Core, id: str, organization: str | None) -> None:
    core.file.change("UPDATE sessions SET organization = ? WHERE id = ?", organization, id)


def end(core: Core, id: str, why: str, *, keeps_device: bool = False) -> bool:
    """End a session; its tokens are refused from the commit on. False: it had ended.

    The device of one that is revoked may be lost: it is known no more, unless it is the one at hand (`keeps_device`).
    """
    ended = core.file.change(
        "UPDATE sessions SET ended_at = ?, ended_why = ? WHERE id = ? AND ended_at IS NULL",
        core.now(),
        why,
        id,
    )
    if ended:
        core.ended.append(id)
        user_id = core.file.value("SELECT user_id FROM sessions WHERE id = ?", id)
        status = "ended" if why == _SIGNED_OUT else "revoked"
        _tell(core, f"session.{status}", id, user_id, status)
        if why == _REVOKED and not keeps_device:
            known_devices.forget(core, id)
    return ended > 0


def end_all(core: Core, user_id: str, why: str, *, but: str | None = None, device: str = "") -> int:
    """End all of a user's sessions, but one, and forget all devices but its own, or the one with this secret. How many."""
    known_devices.forget_all(core, user_id, but=but, device=device)
    rows = core.file.rows(
        "SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL AND id IS NOT ?", user_id, but
    )
    return sum(end(core, id, why) for (id,) in rows)


def trim(core: Core) -> None:
    """Forget sessions that ended long ago."""
    limit = core.now() - _KEPT_SECONDS
    core.file.change(
        "DELETE FROM sessions WHERE ended_at < ? OR expires_at < ? OR seen_at + idle_seconds < ?",
        limit,
        limit,
        limit,
    )


def _tell(core: Core, event: str, id: str, user_id: str, status: str) -> None:
    emit(core, event, {"id": id, "object": "session", "user_id": user_id, "status": status})


def _session(row: tuple[object, ...]) -> Session:
    values = list(row)
    values[9] = tuple(json.loads(str(values[9])))
    return Session(*values)  # type: ignore[arg-type]  # the columns are in the order of the fields
