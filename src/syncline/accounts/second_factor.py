"""The second step: codes of an authenticator app, and backup codes for when it is lost."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from .core import Core

if TYPE_CHECKING:
    from pyotp.totp import TOTP

BACKUP_CODES = 10
_BACKUP_BYTES = 10
_SECRET_BYTES = 20
_STEP_SECONDS = 30


def is_on(core: Core, user_id: str) -> bool:
    return (
        core.file.row("SELECT 1 FROM totps WHERE user_id = ? AND confirmed_at IS NOT NULL", user_id)
        is not None
    )


def set_up(core: Core, user_id: str, account: str) -> tuple[str, str]:
    """Begin: the secret to type, and the address that the picture holds. Counts from `confirm` on.

    Raises nothing for a user who has it on already: it stays as it is until confirmed anew.
    """
    secret = base64.b32encode(core.entropy.bytes(_SECRET_BYTES)).decode()
    core.file.change(
        "INSERT INTO totps(user_id, secret) VALUES (?, ?) ON CONFLICT(user_id) DO UPDATE SET secret = excluded.secret, "
        "last_step = 0 WHERE confirmed_at IS NULL",
        user_id,
        core.box.seal(secret, f"identity:totp:{user_id}"),
    )
    stored = _secret(core, user_id) or secret
    uri = _totp(stored).provisioning_uri(name=account, issuer_name=core.settings.name)
    return stored, uri


def confirm(core: Core, user_id: str, code: str) -> list[str] | None:
    """Turn it on by a first code. The backup codes, which are shown once; None for a wrong code."""
    if is_on(core, user_id) or not _check_totp(core, user_id, code):
        return None
    core.file.change("UPDATE totps SET confirmed_at = ? WHERE user_id = ?", core.now(), user_id)
    return new_backup_codes(core, user_id)


def check(core: Core, user_id: str, code: str) -> str | None:
    """`otp` or `backup`, whichever the code was; None for a wrong one. Either works once."""
    if not is_on(core, user_id):
        return None
    bare = "".join(code.split()).replace("-", "").lower()
    if len(bare) == 6 and bare.isdigit():
        return "otp" if _check_totp(core, user_id, bare) else None
    used = core.file.change(
        "UPDATE backup_codes SET used_at = ? WHERE user_id = ? AND code_hash = ? AND used_at IS NULL",
        core.now(),
        user_id,
        core.digest("backup", user_id, bare),
    )
    return "backup" if used else None


def new_backup_codes(core: Core, user_id: str) -> list[str]:
    """Ten codes in place of those before."""
    core.file.change("DELETE FROM backup_codes WHERE user_id = ?", user_id)
    codes: list[str] = []
    for _ in range(BACKUP_CODES):
        text = base64.b32encode(core.entropy.bytes(_BACKUP_BYTES)).decode().lower()
        core.file.change(
            "INSERT INTO backup_codes VALUES (?, ?, NULL)", user_id, core.digest("backup", user_id, text)
        )
        codes.append("-".join(text[place : place + 4] for place in range(0, len(text), 4)))
    return codes


def backup_codes_left(core: Core, user_id: str) -> int:
    left: int = core.file.value(
        "SELECT count(*) FROM backup_codes WHERE user_id = ? AND used_at IS NULL", user_id
    )
    return left


def turn_off(core: Core, user_id: str) -> None:
    core.file.change("DELETE FROM totps WHERE user_id = ?", user_id)
    core.file.change("DELETE FROM backup_codes WHERE user_id = ?", user_id)


def move(core: Core, source: str, target: str) -> None:
    """Give one user's app to another who has none. Backup codes are made for one user, and stay behind."""
    secret = _secret(core, source) if is_on(core, source) and not is_on(core, target) else None
    if secret is None:
        return
    core.file.change(
        "INSERT OR REPLACE INTO totps SELECT ?, ?, confirmed_at, last_step FROM totps WHERE user_id = ?",
        target,
        core.box.seal(secret, f"identity:totp:{target}"),
        source,
    )


def _check_totp(core: Core, user_id: str, code: str) -> bool:
    """A code of the step now, or of the one before or after it, that is later than any that was accepted."""
    secret = _secret(core, user_id)
    if secret is None:
        return False
    totp = _totp(secret)
    now = core.now() // _STEP_SECONDS
    for step in (now, now - 1, now + 1):
        if totp.verify(code, for_time=step * _STEP_SECONDS, valid_window=0):
            accepted = core.file.change(
                "UPDATE totps SET last_step = ? WHERE user_id = ? AND last_step < ?", step, user_id, step
            )
            return accepted > 0
    return False


def _secret(core: Core, user_id: str) -> str | None:
    sealed = core.file.value("SELECT secret FROM totps WHERE user_id = ?", user_id)
    return None if sealed is None else core.box.open(sealed, f"identity:totp:{user_id}")


def _totp(secret: str) -> TOTP:
    from pyotp.totp import TOTP

    return TOTP(secret)
