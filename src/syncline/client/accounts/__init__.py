"""The administration of accounts from Python: users, sessions, organisations and all that belongs to them."""

from .client import AccountsClient
from .pages import Page, Pages
from .records import (
    AccountOrganization,
    Address,
    ApiKey,
    Connection,
    Delivery,
    ImportReport,
    Invitation,
    Member,
    NewApiKey,
    NewWebhook,
    Organization,
    Passkey,
    Rule,
    SecurityEvent,
    Session,
    SigningKey,
    User,
    UserDetails,
    Webhook,
)
from .transport import Reply, Transport

__all__ = [
    "AccountOrganization",
    "AccountsClient",
    "Address",
    "ApiKey",
    "Connection",
    "Delivery",
    "ImportReport",
    "Invitation",
    "Member",
    "NewApiKey",
    "NewWebhook",
    "Organization",
    "Page",
    "Pages",
    "Passkey",
    "Reply",
    "Rule",
    "SecurityEvent",
    "Session",
    "SigningKey",
    "Transport",
    "User",
    "UserDetails",
    "Webhook",
]
