"""Passkeys: keys of devices, checked by the WebAuthn library."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from . import flows
from .core import AccountError, Core
from .flows import Flow
from .settings import AccountSettings
from .users import User, clean_name

_SECONDS = 300
PER_USER = 20


@dataclass(frozen=True, slots=True)
class StoredPasskey:
    id: bytes
    user_id: str
    public_key: bytes = field(repr=False)
    sign_count: int
    name: str
    transports: list[str]
    #: Its counter went back once: there may be a copy.
    flagged: bool
    created_at: int
    used_at: int | None

    @property
    def key(self) -> str:
        """Its id as text, for forms."""
        return self.id.hex()


def listed(core: Core, user_id: str) -> list[StoredPasskey]:
    rows = core.file.rows(
        "SELECT id, user_id, public_key, sign_count, name, transports, flagged, created_at, used_at FROM passkeys "
        "WHERE user_id = ? ORDER BY created_at",
        user_id,
    )
    return [
        StoredPasskey(id, owner, key, count, name, json.loads(transports), bool(flagged), created_at, used_at)
        for id, owner, key, count, name, transports, flagged, created_at, used_at in rows
    ]


def find(core: Core, id: bytes) -> StoredPasskey | None:
    user_id = core.file.value("SELECT user_id FROM passkeys WHERE id = ?", id)
    return None if user_id is None else next(each for each in listed(core, user_id) if each.id == id)


def begin_adding(core: Core, user: User, browser: str) -> dict[str, Any]:
    """Options for `navigator.credentials.create`, with the flow that waits for its result."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    known = listed(core, user.id)
    if len(known) >= PER_USER:
        raise AccountError("error.too_many_passkeys", limit=PER_USER)
    challenge = core.entropy.bytes(32)
    options = generate_registration_options(
        rp_id=relying_party(core.settings),
        rp_name=core.settings.name,
        user_id=core.digest("passkey user", user.id),
        user_name=user.email or user.name or user.id,
        user_display_name=user.name or user.email,
        challenge=challenge,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each.id) for each in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    begun = flows.start(
        core, "add_passkey", browser, seconds=_SECONDS, user_id=user.id, challenge=challenge.hex()
    )
    return {"flow": begun.flow.id, "options": json.loads(options_to_json(options))}


def add(core: Core, flow: Flow, credential: dict[str, Any], name: str) -> None:
    """Check what the browser made and store it. Raises AccountError."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    assert flow.user_id is not None
    if not flows.finish(core, flow):
        raise AccountError("error.passkey")
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=bytes.fromhex(flow.state["challenge"]),
            expected_rp_id=relying_party(core.settings),
            expected_origin=origins(core.settings),
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise AccountError("error.passkey") from error
    transports = credential.get("response", {}).get("transports", [])
    known = [str(each)[:20] for each in transports[:8]] if isinstance(transports, list) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON
    stored = core.file.change(
        "INSERT OR IGNORE INTO passkeys VALUES (?, ?, ?, ?, ?, ?, 0, ?, NULL)",
        made.credential_id,
        flow.user_id,
        made.credential_public_key,
        made.sign_count,
        clean_name(name)[:60] or "Passkey",
        json.dumps(known),
        core.now(),
    )
    if not stored:
        raise AccountError("error.passkey")


def begin_using(core: Core, browser: str, user_id: str | None = None) -> dict[str, Any]:
    """Options for `navigator.credentials.get`. Without a user, any passkey of this site that the device has."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    challenge = core.entropy.bytes(32)
    allowed = [PublicKeyCredentialDescriptor(id=each.id) for each in listed(core, user_id)] if user_id else []
    options = generate_authentication_options(
        rp_id=relying_party(core.settings),
        challenge=challenge,
        allow_credentials=allowed,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    begun = flows.start(
        core, "use_passkey", browser, seconds=_SECONDS, user_id=user_id, challenge=challenge.hex()
    )
    return {"flow": begun.flow.id, "options": json.loads(options_to_json(options))}


def use(core: Core, flow: Flow, credential: dict[str, Any]) -> StoredPasskey:
    """Check what the device signed. The passkey that did. Raises AccountError.

    A counter that went back flags the passkey, for there may be a copy of it; it is refused.
    """
    from webauthn import base64url_to_bytes, verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    if not flows.finish(core, flow):
        raise AccountError("error.passkey")
    try:
        found = find(core, base64url_to_bytes(credential["id"]))
        if found is None or (flow.user_id is not None and found.user_id != flow.user_id):
            raise AccountError("error.passkey")
        checked = verify_authentication_response(
            credential=credential,
            expected_challenge=bytes.fromhex(flow.state["challenge"]),
            expected_rp_id=relying_party(core.settings),
            expected_origin=origins(core.settings),
            credential_public_key=found.public_key,
            # The count is compared below: a step back must be remembered, not only refused.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise AccountError("error.passkey") from error
    went_back = found.sign_count > 0 and checked.new_sign_count <= found.sign_count
    core.file.change(
        "UPDATE passkeys SET sign_count = max(sign_count, ?), used_at = ?, flagged = flagged OR ? WHERE id = ?",
        checked.new_sign_count,
        core.now(),
        int(went_back),
        found.id,
    )
    updated = find(core, found.id)
    assert updated is not None
    return updated


def remove(core: Core, user_id: str, key: str) -> bool:
    try:
        id = bytes.fromhex(key)
    except ValueError:
        return False
    return core.file.change("DELETE FROM passkeys WHERE id = ? AND user_id = ?", id, user_id) > 0


def relying_party(settings: AccountSettings) -> str:
    """The host that passkeys are for."""
    return urlsplit(settings.url).hostname or "localhost"


def origins(settings: AccountSettings) -> list[str]:
    """Pages that may use them."""
    return [settings.url]
