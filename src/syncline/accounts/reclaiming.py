"""What happens to an account when somebody proves its address for the first time."""

from __future__ import annotations

from . import audit
from .core import Core

#: Ways to sign in or to act as the user, and what has been begun. Whoever set these up had proved nothing.
_SET_UP = (
    "passwords",
    "totps",
    "backup_codes",
    "passkeys",
    "connections",
    "api_keys",
    "flows",
    "known_devices",
)


def reclaim(core: Core, user_id: str) -> None:
    """Take away all that gives somebody access: a stranger may have set it up and waited for the owner to come.

    Sessions and tokens end. What the application keeps of the user stays.
    """
    sessions = core.file.rows("SELECT id FROM sessions WHERE user_id = ? AND ended_at IS NULL", user_id)
    keys = core.file.rows("SELECT id FROM api_keys WHERE user_id = ? AND revoked_at IS NULL", user_id)
    for table in _SET_UP:
        core.file.change(f"DELETE FROM {table} WHERE user_id = ?", user_id)  # noqa: S608 - names from here
    core.file.change(
        "UPDATE sessions SET ended_at = ?, ended_why = 'address verified' WHERE user_id = ? AND ended_at IS NULL",
        core.now(),
        user_id,
    )
    # The tokens of a key name it where those of a session name the session.
    core.ended += [id for (id,) in (*sessions, *keys)]
    audit.record(core, "user.reclaimed", user_id)
