"""Who is calling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """A signed-in user, as the token said. Absent claims are None; `claims` holds all of them."""

    subject: str
    issuer: str
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    nickname: str | None = None
    preferred_username: str | None = None
    profile_url: str | None = None
    picture_url: str | None = None
    website_url: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    gender: str | None = None
    birthday: str | None = None
    timezone: str | None = None
    language: str | None = None
    phone_number: str | None = None
    phone_number_verified: bool | None = None
    address: str | None = None
    updated_at: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)

    @property
    def token_identifier(self) -> str:
        """Issuer and subject, unique among all providers."""
        return f"{self.issuer}|{self.subject}"


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a function runs.

    Internal functions may be called by `admin` callers, who hold the admin key, and by the application's own code
    (`backend`), which acts for whoever called it. What the application does by itself (schedules, crons) is `trusted`.
    """

    identity: Identity | None = None
    admin: bool = False
    backend: bool = False
    #: An admin whose key is good for looking only: no mutations, no actions, no secrets.
    read_only: bool = False
    #: The id of an admin's key, if it is not the first one.
    admin_key: str | None = None
    #: Where an admin's key came from: a network address, for the record of what admins do.
    admin_address: str | None = None

    @property
    def trust(self) -> int:
        """Equal for callers who may call the same functions, if they are equally signed in or not."""
        return self.admin + 2 * self.read_only + 4 * self.backend

    trusted: bool = False

    @property
    def restricted(self) -> bool:
        """Whether the rules of tables bind this caller in public functions. They bind an admin who acts as a user."""
        return not self.trusted and (not self.admin or self.identity is not None)


ANONYMOUS = Caller()
