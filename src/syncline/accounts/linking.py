"""From a profile at another service to a user here.

A user is found by the service's own id for him, never by an address; a new connection is made to who is signed in, or by
an address that both sides have proved.
"""

from __future__ import annotations

from . import admission, audit, events, signing_in, users
from .core import AccountError, Core, Visitor
from .emails import clean_email
from .oauth.profile import Profile
from .users import User


def sign_in(core: Core, profile: Profile, title: str, visitor: Visitor) -> User:
    """The user of a profile, made if there is none. Raises AccountError."""
    user_id = core.file.value(
        "SELECT user_id FROM connections WHERE provider = ? AND subject = ?",
        profile.provider,
        profile.subject,
    )
    if user_id is not None:
        core.file.change(
            "UPDATE connections SET used_at = ? WHERE provider = ? AND subject = ?",
            core.now(),
            profile.provider,
            profile.subject,
        )
        return users.require(core, user_id)
    if not profile.email or not profile.email_verified:
        raise AccountError("error.provider_email", status=403, provider=title)
    email = clean_email(profile.email)
    user = users.by_email(core, email)
    if user is not None:
        # The address is proved by the service. If it was not here yet, what somebody else set up is taken away first.
        users.verify_address(core, email)
        signing_in.notify(core, user, "factor_changed", what=title)
    else:
        user = _sign_up(core, profile, email, visitor)
    _connect(core, profile, user, visitor)
    return user


def connect(core: Core, profile: Profile, user_id: str, title: str, visitor: Visitor) -> None:
    """Connect a profile to who is signed in. Raises AccountError if it is somebody else's."""
    owner = core.file.value(
        "SELECT user_id FROM connections WHERE provider = ? AND subject = ?",
        profile.provider,
        profile.subject,
    )
    if owner == user_id:
        return
    if owner is not None:
        raise AccountError("error.connection_taken", status=409, provider=title)
    user = users.require(core, user_id)
    signing_in.notify(core, user, "factor_changed", what=title)
    _connect(core, profile, user, visitor)


def disconnect(core: Core, user_id: str, provider: str, visitor: Visitor) -> None:
    """Raises AccountError if it is the only way to sign in."""
    user = users.require(core, user_id)
    if signing_in.ways_to_sign_in(core, user) <= 1:
        raise AccountError("error.last_method")
    core.file.change("DELETE FROM connections WHERE user_id = ? AND provider = ?", user_id, provider)
    audit.record(core, "factor.removed", user_id, visitor, what=provider)
    signing_in.notify(core, user, "factor_changed", what=provider)


def _sign_up(core: Core, profile: Profile, email: str, visitor: Visitor) -> User:
    admission.check_address(core, email)
    if not admission.may_sign_up(core, email):
        raise AccountError("error.sign_up_closed", status=403)
    user = users.create(core, email=email, name=profile.name, picture=profile.picture, locale=visitor.locale)
    admission.accept_for_new(core, user)
    audit.record(core, "sign_up", user.id, visitor, provider=profile.provider)
    events.user_changed(core, "user.created", user.id)
    return user


def _connect(core: Core, profile: Profile, user: User, visitor: Visitor) -> None:
    core.file.change(
        "INSERT INTO connections VALUES (?, ?, ?, ?, ?, ?)",
        profile.provider,
        profile.subject,
        user.id,
        profile.email,
        core.now(),
        core.now(),
    )
    audit.record(core, "factor.added", user.id, visitor, what=profile.provider)
