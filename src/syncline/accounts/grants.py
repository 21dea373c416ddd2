"""Sign-in for frontends that cannot have our cookie: a code by redirect, bound by PKCE, then rotating refresh tokens."""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256

from . import audit, flows, sessions, signing_in, users
from .core import AccountError, Core, Visitor
from .redirects import HOME, safe_redirect
from .sessions import Session

#: How long a code is good, and how long the loser of a race for a refresh token still gets an access token (seconds).
CODE_SECONDS = 60
GRACE_SECONDS = 30

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}").fullmatch
#: Codes belong to no browser: whoever has the verifier redeems them.
_ANYWHERE = "grant"


@dataclass(frozen=True, slots=True)
class Proof:
    """How and when somebody has proved who he is: a session that follows from another one is no newer proof."""

    methods: tuple[str, ...]
    first_at: int
    second_at: int | None


@dataclass(frozen=True, slots=True)
class Granted:
    """A session for a client, and the secret for its next refresh; None: another call has got it."""

    session: Session
    refresh_token: str | None = field(repr=False)


def check_request(core: Core, redirect_uri: str, challenge: str, method: str) -> None:
    """Raises AccountError for a request that a code must not answer."""
    absolute = redirect_uri.startswith(("http://", "https://"))
    if not absolute or safe_redirect(core.settings, redirect_uri) == HOME or "#" in redirect_uri:
        raise AccountError("error.redirect")
    if method != "S256" or _CHALLENGE(challenge) is None:
        raise AccountError("error.grant")


def new_code(core: Core, session: Session, redirect_uri: str, challenge: str) -> str:
    """A code for the client at `redirect_uri`. Good for a minute, once."""
    check_request(core, redirect_uri, challenge, "S256")
    begun = flows.start(
        core,
        "grant",
        _ANYWHERE,
        seconds=CODE_SECONDS,
        user_id=session.user_id,
        address=session.id,  # Another session's code is none of this one's business, and stays.
        redirect_uri=redirect_uri,
        challenge=challenge,
    )
    return f"{begun.flow.id}.{begun.link}"


def redeem_code(core: Core, code: str, verifier: str, redirect_uri: str, visitor: Visitor) -> Granted | None:
    """A session that follows from the one that the code was given to; None for a wrong code, verifier or address, which
    makes it worthless, and if that session is over: who ended it has taken back what it asked for."""
    id, _, link = code.partition(".")
    flow = flows.get(core, id, _ANYWHERE, "grant")
    if flow is None or flow.address is None or flows.try_link(core, flow, link) != "right":
        return None
    digest = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    if _VERIFIER(verifier) is None or not hmac.compare_digest(digest, flow.state["challenge"]):
        return None
    asking = sessions.get(core, flow.address)
    if redirect_uri != flow.state["redirect_uri"] or asking is None or asking.actor is not None:
        return None
    proof = Proof(asking.methods, asking.first_at, asking.second_at)
    return begin_session(core, asking.user_id, visitor, proof, client=redirect_uri)


def begin_session(
    core: Core, user_id: str, visitor: Visitor, proof: Proof, *, client: str, tell: bool = False
) -> Granted | None:
    """A session with refresh tokens for a client; None if its user may not sign in. `tell`: by mail, if it is a new device."""
    user = users.get(core, user_id)
    if user is None or not user.usable:
        return None
    if tell:
        signing_in.tell_of_new_device(core, user, visitor)
    session, _ = sessions.begin(
        core, user, visitor, proof.methods, proved_at=(proof.first_at, proof.second_at)
    )
    audit.record(
        core, "sign_in", user.id, visitor, methods=session.methods, session=session.id, client=client
    )
    return Granted(session, _new_refresh_token(core, session.id))


def redeem_refresh_token(core: Core, token: str, visitor: Visitor) -> Granted | None:
    """The session of a refresh token, with the token for the next time. Each works once.

    Within the grace it gives the session again, but no token. Later it was copied: the session ends, its user is told.
    """
    row = core.file.row(
        "SELECT session_id, used_at FROM refresh_tokens WHERE token_hash = ?", core.digest("refresh", token)
    )
    session = None if row is None else sessions.get(core, row[0])
    if row is None or session is None:
        return None
    used_at: int | None = row[1]
    if used_at is not None and core.now() - used_at > GRACE_SECONDS:
        sessions.end(core, session.id, "refresh token reused")
        audit.record(core, "refresh_token.reused", session.user_id, visitor, session=session.id)
        signing_in.notify(core, users.require(core, session.user_id), "token_reused")
        return None
    core.file.change("UPDATE sessions SET seen_at = ? WHERE id = ?", core.now(), session.id)
    if used_at is not None:
        return Granted(session, None)
    core.file.change(
        "UPDATE refresh_tokens SET used_at = ? WHERE token_hash = ?",
        core.now(),
        core.digest("refresh", token),
    )
    return Granted(session, _new_refresh_token(core, session.id))


def end_by_refresh_token(core: Core, token: str, visitor: Visitor) -> None:
    """Sign-out of a client. Says nothing of tokens that are none."""
    found = core.file.row(
        "SELECT session_id, user_id FROM refresh_tokens JOIN sessions ON id = session_id WHERE token_hash = ?",
        core.digest("refresh", token),
    )
    if found is not None and sessions.end(core, found[0], "signed out"):
        audit.record(core, "sign_out", found[1], visitor, session=found[0])


def _new_refresh_token(core: Core, session_id: str) -> str:
    token = core.new_secret()
    core.file.change(
        "INSERT INTO refresh_tokens VALUES (?, ?, ?, NULL)",
        core.digest("refresh", token),
        session_id,
        core.now(),
    )
    # Those that were used before the last ones can tell nothing any more but that they are old: keep a few.
    core.file.change(
        "DELETE FROM refresh_tokens WHERE session_id = ? AND used_at < ?",
        session_id,
        core.now() - 7 * 24 * 3600,
    )
    return token
