"""Users: reading, making, changing, keeping out, deleting, importing, acting as them."""

from __future__ import annotations

from typing import Any

from syncline.accounts import (
    api_keys,
    attempts,
    deletion,
    events,
    flows,
    importing,
    passwords,
    rates,
    second_factor,
    sessions,
    signing_in,
    users,
)
from syncline.accounts.users import User

from .asking import Asked, Endpoint, page, wrong
from .describing import describe_account, describe_user

#: How long the address to act as somebody is good, and then the session (seconds).
_TICKET_SECONDS = 10 * 60
IMPERSONATION_SECONDS = 15 * 60
#: The browser that a ticket for an administrator is for: any.
ANYWHERE = "impersonate"

_METADATA = ("public_metadata", "private_metadata", "unsafe_metadata")
_CHANGES = ("name", "image_url", "locale", "external_id", "password", "password_hash", *_METADATA)


def _list(asked: Asked) -> Any:
    found = users.listed(
        asked.core, after=asked.after, limit=asked.limit + 1, search=asked.text("search", "", length=200)
    )
    return page([describe_user(user) for user in found], asked.limit)


def _count(asked: Asked) -> Any:
    return {"count": users.count(asked.core, asked.text("search", "", length=200))}


def _show(asked: Asked) -> Any:
    return describe_account(asked.core, asked.user())


def _create(asked: Asked) -> Any:
    email = asked.email() if "email" in asked else ""
    with asked.about("external_id" if email == "" else "email"):
        user = users.create(asked.core, email=email)
    _change(asked, user)
    asked.record("user.created", user.id)
    events.user_changed(asked.core, "user.created", user.id)
    return describe_account(asked.core, users.require(asked.core, user.id))


def _update(asked: Asked) -> Any:
    user = asked.user()
    _change(asked, user)
    if asked.password_hash is not None:
        attempts.open_all(asked.core, user)
        sessions.end_all(asked.core, user.id, "password changed")
        asked.record("password.changed", user.id)
        ended = api_keys.revoke_all(asked.core, user.id, asked.visitor, actor=asked.actor)
        signing_in.tell_of_password(asked.core, user, ended)
    return _updated(asked, user, "user.updated", fields=sorted(asked.given))


def _change(asked: Asked, user: User) -> None:
    """What a new user and a changed one have in common."""
    core = asked.core
    if "password_hash" in asked:
        if asked.password_hash is not None:
            raise wrong("password_hash", "left out beside a password")
        asked.password_hash = asked.text("password_hash", length=500)
        if not passwords.can_check(asked.password_hash):
            raise wrong("password_hash", "of argon2 or bcrypt")
    if asked.password_hash is not None:
        passwords.put(core, user.id, asked.password_hash)
    if "name" in asked:
        users.rename(core, user.id, asked.text("name"))
    if "external_id" in asked:
        with asked.about("external_id"):
            users.set_external_id(core, user.id, asked.maybe("external_id"))
    if "image_url" in asked:
        users.set_picture(core, user.id, asked.text("image_url", length=2000))
    if "locale" in asked:
        users.set_locale(core, user.id, asked.text("locale", length=20))
    for name in _METADATA:
        if name in asked:
            with asked.about(name):
                users.set_metadata(core, user.id, name.removesuffix("_metadata"), asked.mapping(name))


def _updated(asked: Asked, user: User, event: str, **data: object) -> Any:
    asked.record(event, user.id, **data)
    events.user_changed(asked.core, "user.updated", user.id)
    return describe_account(asked.core, users.require(asked.core, user.id))


def _keep_out(asked: Asked, column: str, event: str) -> Any:
    user = asked.user()
    asked.core.file.change(f"UPDATE users SET {column} = ? WHERE id = ?", asked.core.now(), user.id)  # noqa: S608 - columns from below
    sessions.end_all(asked.core, user.id, event)
    asked.core.ended += [key.id for key in api_keys.listed(asked.core, user.id)]
    users.touch(asked.core, user.id)
    return _updated(asked, user, event)


def _let_in(asked: Asked, column: str, event: str) -> Any:
    user = asked.user()
    asked.core.file.change(f"UPDATE users SET {column} = NULL WHERE id = ?", user.id)  # noqa: S608 - columns from below
    # Their tokens of before stay refused; those of now must not be.
    for key in api_keys.listed(asked.core, user.id):
        api_keys.give(asked.core, key, user.id)
    attempts.open_all(asked.core, user)
    for address in user.addresses:
        rates.forget_mails(asked.core, address.normal)
    rates.forget_second(asked.core, user.id)
    users.touch(asked.core, user.id)
    return _updated(asked, user, event)


def _ban(asked: Asked) -> Any:
    return _keep_out(asked, "banned_at", "user.banned")


def _unban(asked: Asked) -> Any:
    return _let_in(asked, "banned_at", "user.unbanned")


def _lock(asked: Asked) -> Any:
    return _keep_out(asked, "locked_at", "user.locked")


def _unlock(asked: Asked) -> Any:
    return _let_in(asked, "locked_at", "user.unlocked")


def _delete(asked: Asked) -> Any:
    user = asked.user()
    deletion.delete_user(asked.core, user.id, visitor=asked.visitor, actor=asked.actor)
    return {"id": user.id, "deleted": True}


def _reset_second(asked: Asked) -> Any:
    user = asked.user()
    second_factor.turn_off(asked.core, user.id)
    sessions.end_all(asked.core, user.id, "second step changed")
    return _updated(asked, user, "factor.removed", what="authenticator app")


def _impersonate(asked: Asked) -> Any:
    """An address that makes a session as the user, for ten minutes, once. The session lasts a quarter of an hour."""
    core, user = asked.core, asked.user()
    begun = flows.start(
        core,
        "impersonate",
        ANYWHERE,
        seconds=_TICKET_SECONDS,
        user_id=user.id,
        address=core.new_id("as"),
        actor=asked.actor,
    )
    asked.record("impersonation.allowed", user.id, reason=users.clean_name(asked.text("reason", "")))
    return {"url": f"{core.settings.issuer}/impersonate?flow={begun.flow.id}&token={begun.link}"}


def _import(asked: Asked) -> Any:
    report = importing.import_users(asked.core, asked.rows("users"))
    asked.record("users.imported", None, count=report["imported"])
    return report


ENDPOINTS = (
    Endpoint("GET", "/users", _list, "those with `search` in their name or address", ("search", "after", "limit")),
    Endpoint(
        "POST", "/users", _create, "a new one, whose address counts as proved", ("email", *_CHANGES), 201
    ),
    Endpoint("GET", "/users/count", _count, "how many there are", ("search",)),
    Endpoint("POST", "/users/import", _import, "rows of an export, see below", ("users",)),
    Endpoint("GET", "/users/{user}", _show, "one, with how it signs in, and its organisations"),
    Endpoint("PATCH", "/users/{user}", _update, "changes what is given. A password ends all sessions and API keys", _CHANGES),
    Endpoint("DELETE", "/users/{user}", _delete, "deletes one with all that belongs to the account"),
    Endpoint("POST", "/users/{user}/ban", _ban, "keeps one out, and ends all sessions"),
    Endpoint("POST", "/users/{user}/unban", _unban, "lets one in again"),
    Endpoint("POST", "/users/{user}/lock", _lock, "as a ban, for the time being"),
    Endpoint(
        "POST",
        "/users/{user}/unlock",
        _unlock,
        "lets one in again, also where too many passwords or codes were tried or mails asked for",
    ),
    Endpoint(
        "POST",
        "/users/{user}/impersonate",
        _impersonate,
        "an address that makes a session of 15 minutes as the user, once",
        ("reason",),
    ),
    Endpoint("DELETE", "/users/{user}/second-step", _reset_second, "for who lost device and backup codes"),
)  # fmt: skip
