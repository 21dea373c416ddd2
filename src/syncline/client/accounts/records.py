"""What the administration of accounts tells: one class per noun. Times are in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Address:
    email_address: str
    verified: bool
    primary: bool


@dataclass(frozen=True, slots=True)
class User:
    """`email` is the primary address, empty without one. Private metadata are for the backend, unsafe ones the user's own."""

    id: str
    name: str
    email: str
    email_verified: bool
    email_addresses: list[Address]
    external_id: str | None
    image_url: str
    locale: str
    banned: bool
    locked: bool
    public_metadata: dict[str, Any]
    private_metadata: dict[str, Any]
    unsafe_metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    last_sign_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class Passkey:
    id: str
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Connection:
    """An account at another service: `provider` is the key of the way to sign in, `subject` the service's id of the user."""

    provider: str
    subject: str
    email: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountOrganization:
    id: str
    slug: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class UserDetails(User):
    """A user with how it signs in, and where it belongs. `password`: whether there is one."""

    password: bool
    second_step: bool
    passkeys: list[Passkey]
    connections: list[Connection]
    organizations: list[AccountOrganization]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """`without_password`: whose password is of a kind that cannot be checked. `skipped`: `id` and `why`."""

    imported: int
    without_password: int
    skipped: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class StayedDocument:
    """A document of a merged user that could not be given to the other one."""

    table: str
    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Merge:
    """`source` is the id of the user that is no more. `done_at`: when the last of its documents was moved; None: not yet.

    `moved` and `stayed` count documents; `documents` names the first of those that stayed. `error`: why it waits.
    """

    source: str
    target: str
    actor: str | None
    merged_at: datetime
    done_at: datetime | None
    moved: int
    stayed: int
    documents: list[StayedDocument]
    error: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """`methods` are those of RFC 8176. `organization`: for which it acts. `actor`: the administrator who acts as the user."""

    id: str
    user: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    address: str
    agent: str
    methods: list[str]
    organization: str | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    user: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiKey(ApiKey):
    """A key with its secret, which is told once."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Organization:
    """`members`: how many it has."""

    id: str
    slug: str
    name: str
    members: int
    public_metadata: dict[str, Any]
    private_metadata: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """`id`, `name` and `email` are the user's."""

    id: str
    name: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Invitation:
    id: str
    email: str
    organization: str | None
    role: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    events: list[str]
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewWebhook(Webhook):
    """A receiver with the secret by which it checks what arrives; it is told once."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """`delivered_at` is None for what still waits, or was given up; then `error` says why."""

    id: int
    message: str
    type: str
    created_at: datetime
    tries: int
    delivered_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`active_at`: when it begins to sign; `retired_at`: when another one took over."""

    id: str
    algorithm: str
    created_at: datetime
    active_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One event of the log. `actor`: the administrator, if it was one."""

    id: int
    at: datetime
    event: str
    user: str | None
    actor: str | None
    address: str
    agent: str
    data: dict[str, Any]
