"""Sign-in of programs that have no browser (RFC 8628): the program shows a code, its user enters it in a browser of his
and allows what he sees there, and the program, which keeps asking, gets tokens.

A request belongs to the first session that submits its code: nobody else can allow or refuse it, or see what it is.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Literal

from . import audit, grants, sessions
from .core import Core, Visitor
from .grants import Granted
from .sessions import Session

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
#: How long a request waits for its user, and how often its program may ask (seconds).
SECONDS = 10 * 60
INTERVAL = 5
_LONGEST_INTERVAL = 60
#: How long it is known that a request is over: its program is told so, and not that there never was one.
_KEPT_SECONDS = 3600
#: Consonants, which make no words, without Y, which looks like V: 20 ** 8 codes are 34 bits.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LENGTH = 8
_NAME_LENGTH = 60

Error = Literal["authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_grant"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A new request with its secrets, which are nowhere else in readable form."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What a user sees of a request: which program asked, when (seconds since the epoch), and from where."""

    id: str
    name: str
    address: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Unready:
    """Why there are no tokens, in the words of RFC 8628, and how long to wait before the next question."""

    error: Error
    interval: int | None = None


def ask(core: Core, name: str, visitor: Visitor) -> Asked:
    """A new request of a program that calls itself `name`."""
    while True:
        code = _new_code(core)
        digest = core.digest("device.user", code)
        if core.file.row("SELECT 1 FROM device_requests WHERE code_hash = ?", digest) is None:
            break
    secret = core.new_secret()
    core.file.change(
        "INSERT INTO device_requests(id, secret_hash, code_hash, name, address, created_at, expires_at, interval) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        core.new_id("device"),
        core.digest("device.secret", secret),
        digest,
        clean_name(name) or clean_name(visitor.agent),
        visitor.address,
        core.now(),
        core.now() + SECONDS,
        INTERVAL,
    )
    return Asked(secret, f"{code[:4]}-{code[4:]}")


def read_code(text: str) -> str:
    """A code as somebody typed it, in the form in which it was shown; empty if it cannot be one."""
    letters = "".join(char for char in text[:40].upper() if char.isascii() and char.isalnum())
    if len(letters) != CODE_LENGTH or any(char not in ALPHABET for char in letters):
        return ""
    return f"{letters[:4]}-{letters[4:]}"


def clean_name(text: str) -> str:
    """What a program calls itself, as it may be shown: one line, short, nothing that reverses or hides other text."""
    printable = (char if char.isprintable() else " " for char in unicodedata.normalize("NFC", text[:500]))
    return " ".join("".join(printable).split())[:_NAME_LENGTH].rstrip()


def claim(core: Core, text: str, session: Session, visitor: Visitor) -> Request | None:
    """The open request with this code, which is the session's from now on. None: there is none, or it is another's."""
    code = read_code(text).replace("-", "")
    id: str | None = core.file.value(
        "SELECT id FROM device_requests WHERE code_hash = ?", core.digest("device.user", code)
    )
    claimed = 0
    if code and id is not None:
        claimed = core.file.change(
            "UPDATE device_requests SET user_id = ?, session_id = ? WHERE id = ? AND expires_at > ? "
            "AND allowed IS NULL AND (session_id IS NULL OR session_id = ?)",
            session.user_id,
            session.id,
            id,
            core.now(),
            session.id,
        )
    if id is None or claimed != 1:
        audit.record(core, "device.wrong_code", session.user_id, visitor, session=session.id)
        return None
    return _get(core, id)


def decide(core: Core, id: str, session: Session, visitor: Visitor, *, allow: bool) -> Request | None:
    """Allow or refuse a request of this session, once. None: it has no such request, or it is over."""
    decided = core.file.change(
        "UPDATE device_requests SET allowed = ? WHERE id = ? AND session_id = ? AND user_id = ? AND expires_at > ? "
        "AND allowed IS NULL",
        int(allow),
        id,
        session.id,
        session.user_id,
        core.now(),
    )
    if decided != 1:
        return None
    request = _get(core, id)
    audit.record(
        core,
        "device.allowed" if allow else "device.refused",
        session.user_id,
        visitor,
        session=session.id,
        client=request.name,
        asked_from=request.address,
    )
    return request


def redeem(core: Core, secret: str, visitor: Visitor) -> Granted | Unready:
    """What the program gets that holds the secret of a request: a session of its own, once, or why there is none."""
    row = core.file.row(
        "SELECT id, name, expires_at, interval, polled_at, session_id, allowed, used_at FROM device_requests "
        "WHERE secret_hash = ?",
        core.digest("device.secret", secret),
    )
    if row is None or row[7] is not None:
        return Unready("invalid_grant")
    id, name, expires_at, interval, polled_at, session_id, allowed, _ = row
    if allowed == 0:
        return Unready("access_denied")
    if expires_at <= core.now():
        return Unready("expired_token")
    if allowed is None:
        early = polled_at is not None and core.now() - polled_at < interval
        interval = min(interval + 5, _LONGEST_INTERVAL) if early else interval
        core.file.change(
            "UPDATE device_requests SET polled_at = ?, interval = ? WHERE id = ?", core.now(), interval, id
        )
        return Unready("slow_down" if early else "authorization_pending", interval)
    # Whoever has signed out everywhere since has taken back what he allowed.
    allowing = sessions.get(core, session_id)
    if allowing is None:
        core.file.change("UPDATE device_requests SET allowed = 0 WHERE id = ?", id)
        return Unready("access_denied")
    used = core.file.change(
        "UPDATE device_requests SET used_at = ? WHERE id = ? AND used_at IS NULL", core.now(), id
    )
    if used != 1:
        return Unready("invalid_grant")
    device = Visitor(visitor.address, name, visitor.locale)
    proof = grants.Proof(allowing.methods, allowing.first_at, allowing.second_at)
    granted = grants.begin_session(core, allowing.user_id, device, proof, client=name, tell=True)
    return Unready("access_denied") if granted is None else granted


def trim(core: Core) -> None:
    """Forget requests that were over for a while, and the oldest when there are too many."""
    core.file.change("DELETE FROM device_requests WHERE expires_at < ?", core.now() - _KEPT_SECONDS)
    excess: int = core.file.value("SELECT count(*) FROM device_requests") - core.settings.limits.sign_in_flows
    if excess > 0:
        core.file.change(
            "DELETE FROM device_requests WHERE id IN (SELECT id FROM device_requests ORDER BY expires_at LIMIT ?)",
            excess,
        )


def _new_code(core: Core) -> str:
    number = int.from_bytes(core.entropy.bytes(16), "big")
    return "".join(ALPHABET[number // 20**place % 20] for place in range(CODE_LENGTH))


def _get(core: Core, id: str) -> Request:
    row = core.file.row("SELECT id, name, address, created_at FROM device_requests WHERE id = ?", id)
    assert row is not None
    return Request(*row)
