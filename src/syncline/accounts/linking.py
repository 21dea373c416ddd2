"""From a profile at another service to a user here.

A user is found by the service's own id for him, never by an address; a new connection is made to who is signed in, or by
an address that both sides have proved. Where the service proves none, a code to the address does.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from . import admission, audit, events, flows, signing_in, users
from .core import AccountError, Core, Visitor, ms
from .emails import clean_email
from .flows import Flow
from .mail.outbox import queue
from .oauth.profile import Profile
from .users import User

#: How long a profile may wait for an address and its code (seconds).
_WAITING_SECONDS = 30 * 60
#: Characters of a waiting profile's name, and of the address of its picture.
_LONGEST = 2000


def sign_in(core: Core, profile: Profile, title: str, visitor: Visitor) -> User | None:
    """The user of a profile, made if there is none; None: somebody must prove an address first. Raises AccountError."""
    user = _connected(core, profile)
    email = _clean(profile.email) if profile.email_verified else ""
    if user is None and email:
        user = _join(core, profile, email, title, visitor)
    return user


def suggested_address(profile: Profile) -> str:
    """The address that the service tells, else a user's name there that looks like one; empty: none. Proves nothing."""
    return _clean(profile.email) or _clean(profile.username)


def begin_waiting(core: Core, profile: Profile, title: str, browser: str, target: str) -> Flow:
    """Keep a profile for this browser until it says which address is its user's."""
    kept = replace(profile, name=profile.name[:_LONGEST], picture=profile.picture[:_LONGEST])
    begun = flows.start(
        core,
        "profile",
        browser,
        seconds=_WAITING_SECONDS,
        profile=asdict(kept),
        title=title,
        target=target,
        until=core.now() + _WAITING_SECONDS,
    )
    return begun.flow


def begin_proof(core: Core, waiting: Flow, email: str, visitor: Visitor, browser: str) -> Flow:
    """A mail with a code that proves the address for a waiting profile; or one that says that there may be no account.

    `waiting` is of `begin_waiting`, or of this: then its own code is over. Raises AccountError.
    """
    admission.check_address(core, email)
    left = waiting.state["until"] - core.now()
    if left <= 0:
        raise AccountError("notice.expired", status=410)
    if waiting.purpose == "connect":
        flows.finish(core, waiting)
    user = users.by_email(core, email)
    admitted = admission.may_sign_up(core, email) or user is not None
    state: dict[str, Any] = {**waiting.state, "open": admitted}
    seconds = min(left, core.settings.code_seconds)
    begun = flows.start(core, "connect", browser, seconds=seconds, address=email, here=visitor.here, **state)
    if admitted:
        to = user.spelling(email) if user else email
        minutes = max(1, seconds // 60)
        signing_in.send_code(
            core, "connect", to, visitor, begun, minutes=minutes, provider=waiting.state["title"]
        )
    else:
        queue(core, "closed", email, visitor.locale)
    return begun.flow


def proved(core: Core, flow: Flow, visitor: Visitor) -> User:
    """The address is proved that a profile waited for: its user, connected, and made if there is none. Raises AccountError."""
    assert flow.address is not None
    if not flow.state["open"]:
        raise AccountError("error.code_over", status=410)
    profile = kept_profile(flow)
    # In another window it may have been proved already, perhaps with another address.
    return _connected(core, profile) or _join(core, profile, flow.address, flow.state["title"], visitor)


def kept_profile(flow: Flow) -> Profile:
    """The profile that waits in a flow."""
    return Profile(**flow.state["profile"])


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
    if not core.file.change("DELETE FROM connections WHERE user_id = ? AND provider = ?", user_id, provider):
        raise AccountError("error.not_found", status=404)
    # There may have been more than one connection with it.
    if signing_in.ways_to_sign_in(core, user) == 0:
        raise AccountError("error.last_method")
    audit.record(core, "factor.removed", user_id, visitor, what=provider)
    signing_in.notify(core, user, "factor_changed", what=provider)


def described(core: Core, user_id: str) -> list[dict[str, Any]]:
    """A user's accounts at other services as JSON, the oldest first."""
    rows = core.file.rows(
        "SELECT provider, subject, email, created_at, used_at FROM connections WHERE user_id = ? ORDER BY created_at",
        user_id,
    )
    return [
        {
            "provider": provider,
            "subject": subject,
            "email": email,
            "created_at": ms(created),
            "used_at": ms(used),
        }
        for provider, subject, email, created, used in rows
    ]


def _clean(text: str) -> str:
    """The address in its form here; empty for what is none."""
    try:
        return clean_email(text)
    except AccountError:
        return ""


def _connected(core: Core, profile: Profile) -> User | None:
    """Whose the profile is already."""
    user_id = core.file.value(
        "SELECT user_id FROM connections WHERE provider = ? AND subject = ?",
        profile.provider,
        profile.subject,
    )
    if user_id is None:
        return None
    core.file.change(
        "UPDATE connections SET used_at = ? WHERE provider = ? AND subject = ?",
        core.now(),
        profile.provider,
        profile.subject,
    )
    return users.require(core, user_id)


def _join(core: Core, profile: Profile, email: str, title: str, visitor: Visitor) -> User:
    """Connect a profile to whose the address is, which was proved just now, or to somebody new."""
    user = users.by_email(core, email)
    if user is not None:
        # If the address was not proved here yet, what somebody else set up is taken away first.
        users.verify_address(core, email)
        signing_in.notify(core, user, "factor_changed", what=title)
    else:
        user = _sign_up(core, profile, email, visitor)
    _connect(core, profile, user, visitor)
    return user


def _sign_up(core: Core, profile: Profile, email: str, visitor: Visitor) -> User:
    admission.check_address(core, email)
    if not admission.may_sign_up(core, email):
        raise AccountError("error.sign_up_closed", status=403)
    user = users.create(core, email=email, name=profile.name, picture=profile.picture, locale=visitor.locale)
    admission.accept_for_new(core, user, visitor)
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
