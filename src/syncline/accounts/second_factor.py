"""The second step: codes of an authenticator app, and backup codes for when it is lost."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
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


def set_up(core: Core, account: str) -> tuple[str, str]:
    """A new secret to type, and the address that the picture holds. Stored nowhere: `confirm` does that."""
    secret = base64.b32encode(core.entropy.bytes(_SECRET_BYTES)).decode()
    return secret, address_of(core, secret, account)


def address_of(core: Core, secret: str, account: str) -> str:
    """What the picture of a secret holds."""
    return _totp(secret).provisioning_uri(name=account, issuer_name=core.settings.name)


def confirm(core: Core, user_id: str, secret: str, code: str) -> list[str] | None:
    """Turn it on with a secret of `set_up`, by a first code. The backup codes, which are shown once; None for a wrong code."""
    step = None if is_on(core, user_id) else _step(core, secret, code)
    if step is None:
        return None
    core.file.change(
        "INSERT OR REPLACE INTO totps(user_id, secret, confirmed_at, last_step) VALUES (?, ?, ?, ?)",
        user_id,
        core.box.seal(secret, f"identity:totp:{user_id}"),
        core.now(),
        step,
    )
    return new_backup_codes(core, user_id)


def check(core: Core, user_id: str, code: str) -> str | None:
    """`otp` or `backup`, whichever the code was; None for a wrong one. Either works once."""
    if not is_on(core, user_id):
        return None
    bare = _bare(code)
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
    """A code that is right, and later than any that was accepted."""
    secret = _secret(core, user_id)
    step = None if secret is None else _step(core, secret, code)
    if step is None:
        return False
    accepted = core.file.change(
        "UPDATE totps SET last_step = ? WHERE user_id = ? AND last_step < ?", step, user_id, step
    )
    return accepted > 0


def _step(core: Core, secret: str, code: str) -> int | None:
    """Which half minute a code is of: the one now, or the one before or after it; None: of none of these."""
    totp, bare, now = _totp(secret), _bare(code), core.now() // _STEP_SECONDS
    for step in (now, now - 1, now + 1):
        # With a time zone: pyotp 2.9 takes numbers for local time, which in one hour of a year has two meanings.
        if totp.verify(bare, for_time=datetime.fromtimestamp(step * _STEP_SECONDS, UTC), valid_window=0):
            return step
    return None


def _bare(code: str) -> str:
    """A code without what people put between its parts: apps show `123 456`."""
    return "".join(code.split()).replace("-", "").lower()


def _secret(core: Core, user_id: str) -> str | None:
    sealed = core.file.value("SELECT secret FROM totps WHERE user_id = ?", user_id)
    return None if sealed is None else core.box.open(sealed, f"identity:totp:{user_id}")


def _totp(secret: str) -> TOTP:
    from pyotp.totp import TOTP

    return TOTP(secret)
