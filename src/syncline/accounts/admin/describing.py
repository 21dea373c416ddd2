"""How things look as JSON. Times are milliseconds since the epoch, as in the bodies of webhooks; secrets are in none of them."""

from __future__ import annotations

from typing import Any

from syncline.accounts import events, linking, organizations, passkeys, passwords, second_factor
from syncline.accounts.admission import Invitation
from syncline.accounts.api_keys import ApiKey
from syncline.accounts.audit import AuditEntry
from syncline.accounts.core import Core, ms
from syncline.accounts.organizations import Organization
from syncline.accounts.sessions import Session
from syncline.accounts.signing_keys import SigningKey
from syncline.accounts.users import User
from syncline.accounts.webhooks import Webhook


def describe_user(user: User) -> dict[str, Any]:
    return events.describe_user(user, private=True)


def describe_account(core: Core, user: User) -> dict[str, Any]:
    """A user with how it signs in and where it belongs."""
    return {
        **describe_user(user),
        "password": passwords.get(core, user.id) is not None,
        "second_step": second_factor.is_on(core, user.id),
        "passkeys": [
            {
                "id": each.key,
                "name": each.name,
                "created_at": ms(each.created_at),
                "used_at": ms(each.used_at),
            }
            for each in passkeys.listed(core, user.id)
        ],
        "connections": linking.described(core, user.id),
        "organizations": [organizations.describe(each) for each in organizations.memberships(core, user.id)],
    }


def describe_session(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "user": session.user_id,
        "created_at": ms(session.created_at),
        "seen_at": ms(session.seen_at),
        "ends_at": ms(session.ends_at),
        "address": session.address,
        "agent": session.agent,
        "methods": list(session.methods),
        "organization": session.organization,
        "actor": session.actor,
    }


def describe_organization(organization: Organization) -> dict[str, Any]:
    return {
        "id": organization.id,
        "slug": organization.slug,
        "name": organization.name,
        "public_metadata": organization.public_metadata,
        "private_metadata": organization.private_metadata,
        "members": organization.members,
        "created_at": ms(organization.created_at),
    }


def describe_invitation(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "email": invitation.email,
        "organization": invitation.organization,
        "role": invitation.role,
        "created_at": ms(invitation.created_at),
        "expires_at": ms(invitation.expires_at),
    }


def describe_api_key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "user": key.user_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": ms(key.created_at),
        "expires_at": ms(key.expires_at),
        "used_at": ms(key.used_at),
    }


def describe_webhook(hook: Webhook) -> dict[str, Any]:
    return {
        "id": hook.id,
        "url": hook.url,
        "events": hook.events,
        "disabled": hook.disabled,
        "created_at": ms(hook.created_at),
    }


def describe_signing_key(key: SigningKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "algorithm": key.algorithm,
        "created_at": ms(key.created_at),
        "active_at": ms(key.active_at),
        "retired_at": ms(key.retired_at),
    }


def describe_event(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "at": ms(entry["at"]),
        "event": entry["event"],
        "user": entry["user_id"],
        "actor": entry["actor"],
        "address": entry["address"],
        "agent": entry["agent"],
        "data": entry["data"],
    }
