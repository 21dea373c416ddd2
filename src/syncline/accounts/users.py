"""Users and their e-mail addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .core import AccountError, Core, dumps, loads
from .emails import normal_form
from .reclaiming import reclaim

_COLUMNS = (
    "id, name, picture, locale, created_at, updated_at, signed_in_at, banned_at, locked_at, external_id, "
    "public_metadata, private_metadata, unsafe_metadata"
)
_MATCHES = (
    "(? = '' OR name LIKE ? ESCAPE '\\' OR EXISTS("
    "SELECT 1 FROM addresses WHERE user_id = users.id AND normal LIKE ? ESCAPE '\\'))"
)
NAME_LENGTH = 200
_EXTERNAL_ID_LENGTH = 256
ADDRESSES = 10


@dataclass(frozen=True, slots=True)
class Address:
    email: str
    normal: str
    verified: bool
    primary: bool


@dataclass(frozen=True, slots=True)
class User:
    id: str
    name: str
    picture: str
    locale: str
    created_at: int
    updated_at: int
    signed_in_at: int | None
    banned_at: int | None
    locked_at: int | None
    external_id: str | None
    public_metadata: dict[str, Any]
    private_metadata: dict[str, Any]
    unsafe_metadata: dict[str, Any]
    addresses: tuple[Address, ...]

    @property
    def email(self) -> str:
        """The primary address; empty without one."""
        return next((address.email for address in self.addresses if address.primary), "")

    @property
    def email_verified(self) -> bool:
        return any(address.verified for address in self.addresses if address.primary)

    def spelling(self, email: str) -> str:
        """The address as its owner wrote it when it was proved: to whom else `email`, which differs in case, belongs is
        for the mail server to say."""
        normal = normal_form(email)
        return next((address.email for address in self.addresses if address.normal == normal), email)

    @property
    def usable(self) -> bool:
        """Whether this user may sign in."""
        return self.banned_at is None and self.locked_at is None


def create(
    core: Core,
    *,
    email: str = "",
    verified: bool = True,
    name: str = "",
    picture: str = "",
    locale: str = "en",
    external_id: str | None = None,
    created_at: int | None = None,
) -> User:
    """A new user. `email` is from `clean_email`. Raises AccountError if the address or the external id is taken."""
    now = core.now()
    id = core.new_id("user")
    if external_id and core.file.row("SELECT 1 FROM users WHERE external_id = ?", external_id):
        raise AccountError("error.external_id_taken", status=409)
    core.file.change(
        "INSERT INTO users(id, external_id, name, picture, locale, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        id,
        external_id,
        clean_name(name),
        picture[:2000],
        locale,
        created_at or now,
        now,
    )
    if email:
        add_address(core, id, email, verified=verified, primary=True)
    return require(core, id)


def get(core: Core, id: str) -> User | None:
    row = core.file.row(f"SELECT {_COLUMNS} FROM users WHERE id = ?", id)  # noqa: S608 - columns from here
    if row is None:
        return None
    addresses = core.file.rows(
        "SELECT email, normal, verified_at IS NOT NULL, is_primary FROM addresses WHERE user_id = ? "
        "ORDER BY is_primary DESC, created_at, normal",
        id,
    )
    found = tuple(Address(email, normal, bool(ok), bool(main)) for email, normal, ok, main in addresses)
    return User(*row[:10], *map(loads, row[10:]), found)  # type: ignore[call-arg]  # the columns are in the order of the fields


def require(core: Core, id: str) -> User:
    user = get(core, id)
    if user is None:
        raise AccountError("error.no_user", status=404)
    return user


def by_email(core: Core, email: str, *, verified_only: bool = False) -> User | None:
    """Whose address this is. `email` is from `clean_email`.

    An address that was never proved is its user's only while the user has no better one.
    """
    row = core.file.row("SELECT user_id, verified_at FROM addresses WHERE normal = ?", normal_form(email))
    if row is None or (row[1] is None and (verified_only or _has_verified(core, row[0]))):
        return None
    return get(core, row[0])


def find(core: Core, text: str) -> User | None:
    """By id, external id or e-mail address: what an administrator writes."""
    id = core.file.value(
        "SELECT id FROM users WHERE id = ? OR external_id = ? UNION SELECT user_id FROM addresses WHERE normal = ?",
        text,
        text,
        normal_form(text.strip()),
    )
    return None if id is None else get(core, id)


def listed(core: Core, *, after: str = "", limit: int = 100, search: str = "") -> list[User]:
    """Users in the order of their ids, which is random; `search` is a part of a name or address."""
    rows = core.file.rows(
        f"SELECT id FROM users WHERE id > ? AND {_MATCHES} ORDER BY id LIMIT ?",  # noqa: S608 - the text is from here
        after,
        *_matching(search),
        limit,
    )
    return [require(core, row[0]) for row in rows]


def count(core: Core, search: str = "") -> int:
    """How many users there are, or would be listed."""
    found: int = core.file.value(f"SELECT count(*) FROM users WHERE {_MATCHES}", *_matching(search))  # noqa: S608 - as above
    return found


def add_address(core: Core, user_id: str, email: str, *, verified: bool, primary: bool = False) -> None:
    """Raises AccountError if somebody has the address, or the user too many."""
    normal = normal_form(email)
    taken = core.file.row("SELECT user_id, verified_at FROM addresses WHERE normal = ?", normal)
    if taken is not None:
        if not verified or taken[1] is not None or not _has_verified(core, taken[0]):
            raise AccountError("error.email_taken", status=409)
        # Somebody only said that it is his, now somebody has proved it.
        core.file.change("DELETE FROM addresses WHERE normal = ?", normal)
    count: int = core.file.value("SELECT count(*) FROM addresses WHERE user_id = ?", user_id)
    if count >= ADDRESSES:
        raise AccountError("error.too_many_addresses", limit=ADDRESSES)
    core.file.change(
        "INSERT INTO addresses VALUES (?, ?, ?, ?, ?, ?)",
        normal,
        user_id,
        email,
        core.now() if verified else None,
        int(primary or count == 0),
        core.now(),
    )
    touch(core, user_id)


def verify_address(core: Core, email: str) -> None:
    """The owner of the address has proved it.

    Whatever was set up before by somebody who had not (a stranger may have waited for this) is taken away.
    """
    normal = normal_form(email)
    row = core.file.row("SELECT user_id, verified_at FROM addresses WHERE normal = ?", normal)
    if row is None or row[1] is not None:
        return
    user_id = row[0]
    if not _has_verified(core, user_id):
        reclaim(core, user_id)
    core.file.change("UPDATE addresses SET verified_at = ? WHERE normal = ?", core.now(), normal)
    touch(core, user_id)


def remove_address(core: Core, user_id: str, email: str) -> None:
    """Raises AccountError for the primary address: another one must take its place first."""
    user = require(core, user_id)
    address = _own(user, email)
    if address.primary:
        raise AccountError("error.primary_address")
    core.file.change("DELETE FROM addresses WHERE normal = ?", address.normal)
    touch(core, user_id)


def make_primary(core: Core, user_id: str, email: str) -> str:
    """The primary address until now."""
    user = require(core, user_id)
    address = _own(user, email)
    if not address.verified:
        raise AccountError("error.unverified_address")
    core.file.change(
        "UPDATE addresses SET is_primary = (normal = ?) WHERE user_id = ?", address.normal, user_id
    )
    touch(core, user_id)
    return user.email


def rename(core: Core, user_id: str, name: str) -> None:
    core.file.change("UPDATE users SET name = ? WHERE id = ?", clean_name(name), user_id)
    touch(core, user_id)


def set_picture(core: Core, user_id: str, url: str) -> None:
    core.file.change("UPDATE users SET picture = ? WHERE id = ?", url, user_id)
    touch(core, user_id)


def set_locale(core: Core, user_id: str, locale: str) -> None:
    core.file.change("UPDATE users SET locale = ? WHERE id = ?", locale, user_id)
    touch(core, user_id)


def set_external_id(core: Core, user_id: str, external_id: str | None) -> None:
    """What the user is called elsewhere. Raises AccountError if somebody else has it."""
    if external_id is not None:
        if not 0 < len(external_id) <= _EXTERNAL_ID_LENGTH:
            raise AccountError("error.external_id")
        if core.file.row("SELECT 1 FROM users WHERE external_id = ? AND id <> ?", external_id, user_id):
            raise AccountError("error.external_id_taken", status=409)
    core.file.change("UPDATE users SET external_id = ? WHERE id = ?", external_id, user_id)
    touch(core, user_id)


def set_metadata(core: Core, user_id: str, kind: str, value: dict[str, Any]) -> None:
    """`kind`: `public` (in tokens if they say so), `private` (the backend only) or `unsafe` (the user's own)."""
    if kind not in ("public", "private", "unsafe"):
        raise ValueError(kind)
    text = dumps(value)
    if len(text) > 8192:
        raise AccountError("error.metadata_size")
    core.file.change(f"UPDATE users SET {kind}_metadata = ? WHERE id = ?", text, user_id)  # noqa: S608 - checked above
    touch(core, user_id)


def touch(core: Core, user_id: str) -> None:
    core.file.change("UPDATE users SET updated_at = ? WHERE id = ?", core.now(), user_id)


def clean_name(name: str) -> str:
    """A name without control characters and surplus spaces, of a bounded length."""
    return " ".join("".join(char for char in name if char.isprintable()).split())[:NAME_LENGTH]


def _has_verified(core: Core, user_id: str) -> bool:
    return bool(
        core.file.row("SELECT 1 FROM addresses WHERE user_id = ? AND verified_at IS NOT NULL", user_id)
    )


def _matching(search: str) -> tuple[str, str, str]:
    """What `_MATCHES` compares with."""
    like = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return search, like, like


def _own(user: User, email: str) -> Address:
    normal = normal_form(email)
    for address in user.addresses:
        if address.normal == normal:
            return address
    raise AccountError("error.no_address", status=404)
