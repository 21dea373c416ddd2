"""The e-mail addresses of a user."""

from __future__ import annotations

from typing import Any

from syncline.accounts import events, sessions, users
from syncline.accounts.core import AccountError
from syncline.accounts.emails import normal_form
from syncline.accounts.users import Address, User

from .asking import Asked, Endpoint


def _list(asked: Asked) -> Any:
    return {"data": [describe_address(address) for address in asked.user().addresses], "next": None}


def _add(asked: Asked) -> Any:
    user, email = asked.user(), asked.email()
    verified, primary = asked.flag("verified", True), asked.flag("primary")
    with asked.about("email"):
        users.add_address(asked.core, user.id, email, verified=verified)
    if primary:
        with asked.about("primary"):
            users.make_primary(asked.core, user.id, email)
    asked.record("email.added", user.id, email=email, verified=verified)
    return _changed(asked, user, email)


def _update(asked: Asked) -> Any:
    user = asked.user()
    address = _own(asked, user)
    if "verified" in asked:
        if not asked.flag("verified"):
            raise AccountError("error.field", field="verified", wanted="true")
        if not address.verified:
            users.verify_address(asked.core, address.email)
            asked.record("email.verified", user.id, email=address.email)
    if "primary" in asked:
        if not asked.flag("primary"):
            raise AccountError("error.field", field="primary", wanted="true")
        with asked.about("primary"):
            users.make_primary(asked.core, user.id, address.email)
        sessions.end_all(asked.core, user.id, "address changed")
        asked.record("email.primary", user.id, email=address.email)
    return _changed(asked, user, address.email)


def _remove(asked: Asked) -> Any:
    user = asked.user()
    address = _own(asked, user)
    users.remove_address(asked.core, user.id, address.email)
    asked.record("email.removed", user.id, email=address.email)
    events.user_changed(asked.core, "user.updated", user.id)
    return {"email_address": address.email, "deleted": True}


def describe_address(address: Address) -> dict[str, Any]:
    return {"email_address": address.email, "verified": address.verified, "primary": address.primary}


def _own(asked: Asked, user: User) -> Address:
    wanted = normal_form(asked.path["email"].strip())
    found = next((address for address in user.addresses if address.normal == wanted), None)
    if found is None:
        raise AccountError("error.no_address", status=404)
    return found


def _changed(asked: Asked, user: User, email: str) -> Any:
    events.user_changed(asked.core, "user.updated", user.id)
    now = users.require(asked.core, user.id)
    return next(describe_address(each) for each in now.addresses if each.normal == normal_form(email))


ENDPOINTS = (
    Endpoint("GET", "/users/{user}/addresses", _list, "the primary one first"),
    Endpoint(
        "POST",
        "/users/{user}/addresses",
        _add,
        "one more, proved unless `verified` is false",
        ("email", "verified", "primary"),
        201,
    ),
    Endpoint(
        "PATCH",
        "/users/{user}/addresses/{email}",
        _update,
        "`true` says that it is proved, or makes it the primary one, which ends all sessions",
        ("verified", "primary"),
    ),
    Endpoint("DELETE", "/users/{user}/addresses/{email}", _remove, "takes one away that is not the primary one"),
)  # fmt: skip
