"""Passwords: what is accepted, how they are hashed, and how hashes of other systems are checked once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.auth import Password

from .breached_passwords import is_breached
from .common_passwords import is_common
from .core import AccountError, Core
from .settings import SHORTEST

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LONGEST = 256
_BCRYPT = re.compile(r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}").fullmatch
_BCRYPT_BYTES = 72
_TELLING = 4


class Hasher:
    """Hashes and checks passwords. Both take a tenth of a second and tens of megabytes: run them by `Workers.hash`."""

    def __init__(self, settings: Password, breached: Path | None = None) -> None:
        """`breached`: a list of passwords that are refused; see `breached_passwords`."""
        self._settings = settings
        self._breached = breached

    @cached_property
    def _argon2(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        settings = self._settings
        return PasswordHasher(settings.passes, settings.memory_kib, settings.lanes)

    @cached_property
    def _nobodys(self) -> str:
        return self._argon2.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The hash of a new password. Raises AccountError for one that is known from breaches."""
        text = canonical(password)
        if self._breached is not None and is_breached(self._breached, text):
            raise AccountError("error.password_common")
        return self._argon2.hash(text)

    def check(self, stored: str | None, password: str, foreign: str | None = None) -> tuple[bool, str | None]:
        """Whether the password is right, and the hash to store from now on if it should be another.

        `foreign` is any hash that came from elsewhere, if there is one: while there is, both kinds are checked each time.
        So the work is the same for everybody, also without a stored hash: nobody learns from the time what is there.
        """
        from argon2.exceptions import InvalidHashError, VerificationError

        text = canonical(password)
        imported = stored if stored is not None and _BCRYPT(stored) else None
        own = None if imported else stored
        good_imported = False
        if imported or foreign:
            good_imported = _check_bcrypt(imported or foreign or "", password) and imported is not None
        try:
            self._argon2.verify(own or self._nobodys, text)
        except (VerificationError, InvalidHashError):
            return good_imported, self._argon2.hash(text) if good_imported else None
        if own is None:
            return False, None
        return True, self._argon2.hash(text) if self._argon2.check_needs_rehash(own) else None

    def prepare(self) -> None:
        """Make the hash that nobody has, and read the list of common passwords."""
        _ = self._nobodys
        is_common("")


def canonical(password: str) -> str:
    """One form for passwords that look the same."""
    return unicodedata.normalize("NFKC", password)


def check_new(password: str, settings: Password, *, related: Iterable[str] = ()) -> None:
    """Raise AccountError for a password that is too short, too long, known to everybody, or contains one of `related`."""
    text = canonical(password)
    shortest = settings.min_length or SHORTEST
    if len(text) < shortest:
        raise AccountError("error.password_short", length=shortest)
    if len(text) > LONGEST:
        raise AccountError("error.password_long", length=LONGEST)
    folded = text.casefold()
    if is_common(text) or len(set(folded)) < 3:
        raise AccountError("error.password_common")
    for word in related:
        for part in (word, word.partition("@")[0]):
            if len(part) >= _TELLING and part.casefold() in folded:
                raise AccountError("error.password_related")


def can_check(stored: str) -> bool:
    """Whether a hash from elsewhere is of a kind that can be checked here."""
    return stored.startswith("$argon2") or _BCRYPT(stored) is not None


def get(core: Core, user_id: str) -> str | None:
    """The stored hash."""
    found: str | None = core.file.value("SELECT hash FROM passwords WHERE user_id = ?", user_id)
    return found


def dated(core: Core, user_id: str) -> tuple[str, int] | None:
    """The same, and when the password was set (seconds since the epoch)."""
    row = core.file.row("SELECT hash, changed_at FROM passwords WHERE user_id = ?", user_id)
    return None if row is None else (row[0], row[1])


def foreign(core: Core) -> str | None:
    """A hash that came from elsewhere, if there still is one. Looks through all only after an import."""
    owner = core.foreign_hash_of
    found = get(core, owner) if owner else None
    if found is not None and _BCRYPT(found):
        return found
    if owner == "":
        return None
    row = core.file.row("SELECT user_id, hash FROM passwords WHERE hash LIKE '$2%' LIMIT 1")
    core.foreign_hash_of = "" if row is None else row[0]
    return None if row is None else row[1]


def put(core: Core, user_id: str, hashed: str) -> None:
    if _BCRYPT(hashed):
        core.foreign_hash_of = user_id
    core.file.change("INSERT OR REPLACE INTO passwords VALUES (?, ?, ?)", user_id, hashed, core.now())


def renew(core: Core, user_id: str, old: str, new: str) -> None:
    """Replace a hash by a better one of the same password, unless it was changed meanwhile."""
    core.file.change("UPDATE passwords SET hash = ? WHERE user_id = ? AND hash = ?", new, user_id, old)


def remove(core: Core, user_id: str) -> None:
    core.file.change("DELETE FROM passwords WHERE user_id = ?", user_id)


def _check_bcrypt(stored: str, password: str) -> bool:
    import bcrypt

    # bcrypt never looked at more than this, and the library refuses to be given more.
    return bcrypt.checkpw(password.encode("utf-8", "surrogatepass")[:_BCRYPT_BYTES], stored.encode())
