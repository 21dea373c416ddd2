"""Who a service says somebody is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """`subject` is the service's own id of its user. `email_verified`: the service is believed that the address is his."""

    provider: str
    subject: str
    email: str = ""
    email_verified: bool = False
    name: str = ""
    picture: str = ""
    #: What the service calls its user, which is often an address, and proves nothing.
    username: str = ""


def from_claims(provider: str, claims: Mapping[str, Any], *, proved: bool) -> Profile:
    """What an ID token says; `proved`: its address is the user's."""
    return Profile(
        provider,
        _text(claims, "sub"),
        _text(claims, "email"),
        proved,
        _text(claims, "name")
        or " ".join(filter(None, (_text(claims, "given_name"), _text(claims, "family_name")))),
        _text(claims, "picture"),
        _text(claims, "preferred_username"),
    )


def from_github(provider: str, user: Mapping[str, Any], emails: object) -> Profile:
    """What GitHub's API says: the primary address, if it is verified."""
    email, verified = "", False
    for each in emails if isinstance(emails, list) else []:  # pyright: ignore[reportUnknownVariableType] - any JSON
        if isinstance(each, dict) and each.get("primary"):  # pyright: ignore[reportUnknownMemberType] - as above
            email, verified = str(each.get("email", "")), each.get("verified") is True  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - as above
    return Profile(
        provider,
        str(user.get("id") or ""),
        email,
        verified,
        _text(user, "name") or _text(user, "login"),
        _text(user, "avatar_url"),
    )


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""
