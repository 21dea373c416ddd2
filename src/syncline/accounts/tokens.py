"""Access tokens: short-lived, signed statements of who holds a session, for functions and for other servers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import organizations, signing_keys
from .api_keys import ApiKey
from .core import AccountError, Core
from .sessions import Session
from .settings import AUDIENCE
from .users import User, require

if TYPE_CHECKING:
    from joserfc.jwk import Key

_JTI_BYTES = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """A token before it is signed."""

    claims: dict[str, Any]
    key_id: str
    algorithm: str
    private: str

    @property
    def seconds(self) -> int:
        """How long it is good."""
        lifetime: int = self.claims["exp"] - self.claims["iat"]
        return lifetime


def draft(core: Core, session: Session) -> Draft:
    """What the token of this session says now. Run it in a transaction; `sign` needs none."""
    user = require(core, session.user_id)
    if core.settings.accounts.require_second_factor and session.second_at is None and session.actor is None:
        raise AccountError("error.second_required", status=403)
    about = {**_claims_about(core, user, session), "fva": _minutes_since_proof(core, session)}
    return _draft(core, user.id, session.id, session.ends_at, about)


def draft_for_key(core: Core, key: ApiKey) -> Draft:
    """The same for the holder of an API key: `sid` is the key, and `scp` what it is for."""
    user = require(core, key.user_id)
    about = {**_claims_about_user(core, user), "scp": list(key.scopes)}
    return _draft(core, user.id, key.id, key.expires_at, about)


def _draft(core: Core, subject: str, sid: str, ends_at: int | None, about: dict[str, Any]) -> Draft:
    key = signing_keys.current(core)
    if key is None:
        raise AccountError("busy", status=503, retry_after=1)
    now = core.now()
    lifetime = core.settings.accounts.token_seconds
    if ends_at is not None:
        lifetime = min(lifetime, max(ends_at - now, 1))
    claims: dict[str, Any] = {
        **about,
        "iss": core.settings.issuer,
        "sub": subject,
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
        # Clients take a token that is equal to their last one for a failed refresh.
        "jti": core.entropy.bytes(_JTI_BYTES).hex(),
        "sid": sid,
    }
    return Draft(claims, key.id, key.algorithm, signing_keys.private_key(core, key.id))


def sign(token: Draft) -> str:
    """The token. Takes about a millisecond."""
    from joserfc import jwt

    header = {"alg": token.algorithm, "kid": token.key_id, "typ": "JWT"}
    return jwt.encode(header, token.claims, _key(token.private), algorithms=[token.algorithm])


def _claims_about(core: Core, user: User, session: Session) -> dict[str, Any]:
    """What stays the same from one token of a session to the next, unless something happened."""
    claims = _claims_about_user(core, user)
    if session.actor is None:
        claims["auth_time"] = session.first_at
    if session.second_at is not None:
        claims["mfa_time"] = session.second_at
    if session.organization is not None:
        active = organizations.claim(core, session.organization, user.id)
        if active is not None:
            claims["o"] = active
    if session.actor is not None:
        claims["act"] = {"sub": session.actor}
    return claims


def _minutes_since_proof(core: Core, session: Session) -> list[int]:
    """`fva` as Clerk has it: minutes since the first and since the second step, -1 without one.

    Who acts as the user has proved neither.
    """
    if session.actor is not None:
        return [-1, -1]
    times = (session.first_at, session.second_at)
    return [-1 if time is None else max(core.now() - time, 0) // 60 for time in times]


def _claims_about_user(core: Core, user: User) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    for name, path in core.settings.accounts.claims.items():
        value = _lookup(user, path)
        if value is not None:
            claims[name] = value
    if user.name:
        claims["name"] = user.name
    if user.email:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    if user.picture:
        claims["picture"] = user.picture
    return claims


def _lookup(user: User, path: str) -> object:
    """`user.public_metadata.plan`: what the dotted name leads to. Private metadata are not for tokens."""
    first, *rest = path.removeprefix("user.").split(".")
    if first not in (
        "id",
        "name",
        "email",
        "locale",
        "external_id",
        "public_metadata",
        "unsafe_metadata",
        "created_at",
    ):
        return None
    value: object = getattr(user, first)
    for part in rest:
        if not isinstance(value, dict):
            return None
        value = value.get(part)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - any JSON
    return value  # pyright: ignore[reportUnknownVariableType] - as above


@lru_cache(maxsize=8)
def _key(private: str) -> Key:
    from joserfc.jwk import import_key

    return import_key(json.loads(private))
