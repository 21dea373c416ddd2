"""Sign-in, sign-up and reset, as transactions: each is one call that the identity file's thread runs.

What these say to the browser is the same whether an address has an account or not; what differs is the mail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncline.kernel.proxies import subscriber_of

from . import (
    admission,
    api_keys,
    attempts,
    audit,
    events,
    flows,
    known_devices,
    passkeys,
    passwords,
    second_factor,
    sessions,
    users,
)
from .attempts import Source
from .core import AccountError, Core, Visitor
from .flows import Flow
from .mail.outbox import queue
from .sessions import Session
from .users import User

RESET_SECONDS = 30 * 60
_SECOND_SECONDS = 10 * 60


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody has a session now."""

    session: Session
    secret: str = field(repr=False)
    #: For the cookie of known devices.
    device: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedsSecond:
    """The first step is done, the second must follow."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a password is checked against; `hash` is None where there is nobody."""

    user_id: str | None
    hash: str | None
    #: When that became the password (seconds since the epoch).
    changed_at: int | None
    #: Somebody's hash that came from elsewhere: such a check is made for everybody while there is one.
    foreign_hash: str | None
    closed_seconds: int | None
    by: Source


def candidate(core: Core, email: str, visitor: Visitor, session: Session | None = None) -> Candidate:
    user = users.by_email(core, email)
    by = attempts.source(core, email, visitor, session)
    closed = attempts.password_closed(core, by)
    stored, changed_at = (passwords.dated(core, user.id) if user else None) or (None, None)
    return Candidate(user.id if user else None, stored, changed_at, passwords.foreign(core), closed, by)


def password_checked(
    core: Core, email: str, found: Candidate, good: bool, new_hash: str | None, visitor: Visitor
) -> User | None:
    """What follows the check of a password: the user, or None with the failure counted.

    A password that was changed while the check waited for its turn is the former one, and wrong.
    """
    if found.user_id is None or found.hash is None or not good or _is_former(core, found.user_id, found):
        closed_for = attempts.note_failure(core, found.by)
        if closed_for is not None:
            audit.record(core, "password.closed", found.user_id, visitor, email=email, to=closed_for)
        audit.record(core, "sign_in.failed", found.user_id, visitor, method="password")
        return None
    attempts.forget_failures(core, found.by)
    if new_hash is not None:
        passwords.renew(core, found.user_id, found.hash, new_hash)
    return users.get(core, found.user_id)


def _is_former(core: Core, user_id: str, found: Candidate) -> bool:
    # The hash may be another one of the same password: of two sign-ins at once each makes a better one.
    now = passwords.dated(core, user_id)
    return now is None or now[1] != found.changed_at


def first_step_done(
    core: Core,
    user_id: str,
    visitor: Visitor,
    browser: str,
    methods: tuple[str, ...],
    target: str,
    *,
    second: bool = False,
) -> SignedIn | NeedsSecond:
    """Somebody has proved to be the user. A session, or the second step if there is one. Raises AccountError if banned."""
    user = users.require(core, user_id)
    if not user.usable:
        audit.record(core, "sign_in.refused", user.id, visitor, methods=methods)
        raise AccountError("error.banned", status=403)
    if not second and second_factor.is_on(core, user.id):
        begun = flows.start(
            core, "second", browser, seconds=_SECOND_SECONDS, user_id=user.id, methods=methods, target=target
        )
        return NeedsSecond(begun.flow)
    tell_of_new_device(core, user, visitor)
    session, secret = sessions.begin(core, user, visitor, methods, second=second)
    audit.record(core, "sign_in", user.id, visitor, methods=methods, session=session.id)
    return SignedIn(session, secret, known_devices.renew(core, user.id, session.id, visitor))


def begin_code(core: Core, email: str, visitor: Visitor, browser: str, target: str) -> Flow:
    """A mail with a code to sign in, or one that says that there is no account."""
    user = users.by_email(core, email)
    begun = flows.start(
        core,
        "sign_in",
        browser,
        seconds=core.settings.code_seconds,
        user_id=user.id if user else None,
        address=email,
        here=visitor.here,
        target=target,
    )
    if user is not None:
        send_code(core, "sign_in", user.spelling(email), visitor, begun)
    elif core.settings.accounts.sign_up == "closed":
        queue(core, "closed", email, visitor.locale)
    else:
        queue(core, "unknown", email, visitor.locale, url=f"{core.settings.issuer}/sign-up")
    return begun.flow


def begin_sign_up(
    core: Core, email: str, name: str, hashed: str | None, visitor: Visitor, browser: str, target: str
) -> Flow:
    """A mail with a code to complete the sign-up; or one that says that there is an account, or may be none."""
    admission.check_address(core, email)
    taken = users.by_email(core, email, verified_only=True) is not None
    admitted = admission.may_sign_up(core, email)
    state: dict[str, Any] = {"target": target, "name": name, "hash": hashed, "open": admitted and not taken}
    seconds = core.settings.code_seconds
    begun = flows.start(core, "sign_up", browser, seconds=seconds, address=email, here=visitor.here, **state)
    if taken:
        queue(core, "exists", email, visitor.locale, url=f"{core.settings.issuer}/sign-in")
    elif not admitted:
        queue(core, "closed", email, visitor.locale)
    else:
        send_code(core, "sign_up", email, visitor, begun)
    return begun.flow


def begin_reset(core: Core, email: str, visitor: Visitor, browser: str, target: str) -> Flow:
    user = users.by_email(core, email)
    begun = flows.start(
        core,
        "reset",
        browser,
        seconds=RESET_SECONDS,
        user_id=user.id if user else None,
        address=email,
        here=visitor.here,
        target=target,
    )
    if user is not None:
        send_code(core, "reset", user.spelling(email), visitor, begun, minutes=RESET_SECONDS // 60)
    else:
        queue(core, "unknown", email, visitor.locale, url=f"{core.settings.issuer}/sign-up")
    return begun.flow


def begin_address(
    core: Core, user: User, session: Session, email: str, visitor: Visitor, browser: str, target: str
) -> Flow:
    """A mail that proves that a further address is the user's; its owner, if there is one, is told instead.

    It is added in this session only: whoever is out since has no way back in by it.
    """
    admission.check_address(core, email)
    taken = users.by_email(core, email, verified_only=True) is not None
    begun = flows.start(
        core,
        "add_email",
        browser,
        seconds=core.settings.code_seconds,
        user_id=user.id,
        address=email,
        here=visitor.here,
        target=target,
        session=session.id,
        open=not taken,
    )
    if taken:
        queue(core, "taken", email, visitor.locale)
    else:
        send_code(core, "add_email", email, visitor, begun)
    return begun.flow


def begin_reverify(
    core: Core, user: User, session: Session, visitor: Visitor, browser: str, target: str
) -> Flow:
    begun = flows.start(
        core,
        "reverify",
        browser,
        seconds=core.settings.code_seconds,
        user_id=user.id,
        address=user.email,
        here=visitor.here,
        target=target,
        session=session.id,
    )
    send_code(core, "reverify", user.email, visitor, begun)
    return begun.flow


def signed_up(core: Core, flow: Flow, visitor: Visitor) -> User:
    """The address of a sign-up is proved: make the user, or give a user that was never verified to the owner."""
    assert flow.address is not None
    existing = users.by_email(core, flow.address)
    if existing is not None and any(address.verified for address in existing.addresses):
        raise AccountError("error.code_over")
    if existing is not None:
        users.verify_address(core, flow.address)
        user = existing
    else:
        user = users.create(core, email=flow.address, name=flow.state["name"], locale=visitor.locale)
    if flow.state["hash"]:
        passwords.put(core, user.id, flow.state["hash"])
    admission.accept_for_new(core, user, visitor)
    audit.record(core, "sign_up", user.id, visitor)
    events.user_changed(core, "user.created", user.id)
    return users.require(core, user.id)


def change_password(
    core: Core, user_id: str, hashed: str, visitor: Visitor, *, keep: str | None, end_keys: bool
) -> None:
    """A new password. All sessions end but `keep`, what was begun with the old one, and with `end_keys` the API keys.

    Raises AccountError if `keep` has ended while the password was hashed.
    """
    if keep is not None:
        sessions.require_live(core, keep)
    passwords.put(core, user_id, hashed)
    user = users.require(core, user_id)
    attempts.open_all(core, user)
    sessions.end_all(core, user_id, "password changed", but=keep, device=visitor.device)
    core.file.change("DELETE FROM flows WHERE user_id = ? AND purpose IN ('second', 'new_password')", user_id)
    audit.record(core, "password.changed", user_id, visitor)
    tell_of_password(core, user, api_keys.revoke_all(core, user_id, visitor) if end_keys else 0)


def tell_of_password(core: Core, user: User, ended: int) -> None:
    """A mail that the password was changed, and what has become of the user's API keys: so many ended."""
    working = len(api_keys.listed(core, user.id))
    notify(core, user, "password_changed", ended=ended, working=working)


def end_keys(core: Core, user: User, visitor: Visitor) -> None:
    """End all API keys of a user, who is told how many those were."""
    ended = api_keys.revoke_all(core, user.id, visitor)
    if ended:
        tell_of_factor(core, user, "api_keys", count=ended)


def tell_of_factor(core: Core, user: User, factor: str, **values: object) -> None:
    """A mail that a way to sign in came or went. `factor`: its text below `factor` in the translations."""
    what = core.pages.texts.get(user.locale, f"factor.{factor}", **values)
    notify(core, user, "factor_changed", what=what)


def notify(core: Core, user: User, kind: str, to: str | None = None, **values: object) -> None:
    """Tell the user of a change by mail."""
    address = to or user.email
    if address:
        queue(core, kind, address, user.locale, **values)


def ways_to_sign_in(core: Core, user: User) -> int:
    """How many ways the user has. An address counts if codes are sent to addresses, or passwords can be reset."""
    settings = core.settings
    ways = len(passkeys.listed(core, user.id)) if settings.passkey else 0
    ways += int(settings.password is not None and passwords.get(core, user.id) is not None)
    ways += int(settings.email_code is not None and user.email_verified)
    count: int = core.file.value("SELECT count(*) FROM connections WHERE user_id = ?", user.id)
    return ways + count


def send_code(
    core: Core, kind: str, email: str, visitor: Visitor, begun: flows.Started, **values: object
) -> None:
    """A mail with the code and the link of a flow. `values`: what else its texts name."""
    url = f"{core.settings.issuer}/link?flow={begun.flow.id}&token={begun.link}"
    queue(core, kind, email, visitor.locale, code=begun.code, url=url, **values)


def tell_of_new_device(core: Core, user: User, visitor: Visitor) -> None:
    """A mail for a sign-in that resembles none before, unless it is the first at all."""
    rows = core.file.rows("SELECT address, agent FROM sessions WHERE user_id = ? AND actor IS NULL", user.id)
    network = subscriber_of(visitor.address)
    known = any(agent == visitor.agent[:300] or subscriber_of(address) == network for address, agent in rows)
    if rows and not known:
        from_device = core.pages.device(visitor.agent)
        notify(core, user, "new_device", device=from_device, address=visitor.address)
