"""From the claims of a token to an `Identity`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from syncline.kernel.identity import Identity

#: Claims that differ between two tokens for the same sign-in. They are no part of an identity: a refreshed token must
#: not look like another caller, or all live queries of its holder would run again.
VOLATILE: Final = frozenset({"iat", "exp", "nbf", "jti", "fva", "nonce", "at_hash", "c_hash"})

_TEXTS: Final = {
    "name": "name",
    "given_name": "given_name",
    "family_name": "family_name",
    "nickname": "nickname",
    "preferred_username": "preferred_username",
    "profile": "profile_url",
    "picture": "picture_url",
    "website": "website_url",
    "email": "email",
    "gender": "gender",
    "birthdate": "birthday",
    "zoneinfo": "timezone",
    "locale": "language",
    "phone_number": "phone_number",
}
_FLAGS: Final = ("email_verified", "phone_number_verified")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def identity_of(claims: Mapping[str, Any], issuer: str, subject: str) -> Identity:
    """The identity that verified claims describe. Standard claims of a wrong type count as absent."""
    standard: dict[str, Any] = {}
    for claim, attribute in _TEXTS.items():
        value = claims.get(claim)
        if isinstance(value, str):
            standard[attribute] = value
    for claim in _FLAGS:
        value = claims.get(claim)
        if isinstance(value, bool) or value in ("true", "false"):  # Some issuers write texts.
            standard[claim] = value is True or value == "true"
    return Identity(
        subject,
        issuer,
        **standard,
        address=_address(claims.get("address")),
        updated_at=_time(claims.get("updated_at")),
        claims={name: value for name, value in claims.items() if name not in VOLATILE},
    )


def _address(value: object) -> str | None:
    """The address is an object; its `formatted` is the whole of it as text."""
    formatted: object = value.get("formatted") if isinstance(value, Mapping) else value  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - any JSON
    return formatted if isinstance(formatted, str) else None


def _time(value: object) -> str | None:
    """A time as RFC 3339, from seconds since the epoch (as OpenID Connect has it) or from such a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return (_EPOCH + timedelta(seconds=value)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None
