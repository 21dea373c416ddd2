"""Whom an admin acts as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from syncline.kernel.identity import Identity
from syncline.values import MAX_NESTING, nesting_of

_CAMEL = {
    "givenName": "given_name",
    "familyName": "family_name",
    "preferredUsername": "preferred_username",
    "profileUrl": "profile_url",
    "pictureUrl": "picture_url",
    "websiteUrl": "website_url",
    "emailVerified": "email_verified",
    "phoneNumber": "phone_number",
    "phoneNumberVerified": "phone_number_verified",
    "updatedAt": "updated_at",
}
_ATTRIBUTES = {field.name for field in fields(Identity)} - {"subject", "issuer", "claims"}


def acting_identity(attributes: Mapping[str, object]) -> Identity:
    """The user whom an admin acts as, from the attributes that clients and the command line send.

    `issuer` and `subject`, or `tokenIdentifier` ("issuer|subject"); standard claims in camelCase or snake_case; all
    that was sent is in `claims`. Raises ValueError with a text for the client.
    """
    if _is_deep(attributes):
        raise ValueError(f"The identity to act as has more than {MAX_NESTING} levels of objects and arrays.")
    issuer, subject = attributes.get("issuer"), attributes.get("subject")
    token_identifier = attributes.get("tokenIdentifier")
    if isinstance(token_identifier, str) and not (isinstance(issuer, str) and isinstance(subject, str)):
        issuer, bar, subject = token_identifier.rpartition("|")
        if not bar:
            issuer, subject = "", token_identifier
    if not isinstance(issuer, str) or not isinstance(subject, str):
        raise ValueError(
            "The identity to act as needs issuer and subject, or tokenIdentifier ('issuer|subject'), as strings."
        )
    standard: dict[str, Any] = {}
    for name, value in attributes.items():
        attribute = _CAMEL.get(name, name)
        if attribute in _ATTRIBUTES and value is not None:
            expected = bool if attribute.endswith("_verified") else str
            if not isinstance(value, expected):
                raise ValueError(
                    f"The identity to act as has {name}: {value!r}; it must be a {expected.__name__}."
                )
            standard[attribute] = value
    return Identity(subject, issuer, claims=dict(attributes), **standard)


def _is_deep(attributes: Mapping[str, object]) -> bool:
    """How deep a parser goes by itself is another number in each Python."""
    try:
        return nesting_of(attributes) > MAX_NESTING
    except RecursionError:
        return True
