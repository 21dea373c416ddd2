"""What other services know this application by: from the code, or from the environment as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncline.auth import Apple, External, GitHub, Google, Microsoft


@dataclass(frozen=True, slots=True)
class Credentials:
    id: str
    #: Empty where the service wants none, or one that is made from `key`.
    secret: str = field(repr=False)
    key: AppleKey | None = None


@dataclass(frozen=True, slots=True)
class AppleKey:
    """What a secret for Apple is made from. `text`: of the .p8 file."""

    team: str
    id: str
    text: str = field(repr=False)


def credentials(provider: External, environment: Mapping[str, str]) -> Credentials:
    """As far as they are there: see `missing`."""
    prefix = _prefix(provider)
    id = provider.client_id or environment.get(f"{prefix}_CLIENT_ID", "")
    secret = provider.client_secret or environment.get(f"{prefix}_CLIENT_SECRET", "")
    if not isinstance(provider, Apple):
        return Credentials(id, secret)
    key = AppleKey(
        provider.team_id or environment.get("APPLE_TEAM_ID", ""),
        provider.key_id or environment.get("APPLE_KEY_ID", ""),
        provider.private_key or environment.get("APPLE_PRIVATE_KEY", ""),
    )
    return Credentials(id, secret, key)


def missing(provider: External, environment: Mapping[str, str]) -> list[str]:
    """Variables that would have to be set before anybody can sign in there."""
    found, prefix = credentials(provider, environment), _prefix(provider)
    names = [] if found.id else [f"{prefix}_CLIENT_ID"]
    if found.secret:
        return names
    if found.key is not None:
        parts = {"TEAM_ID": found.key.team, "KEY_ID": found.key.id, "PRIVATE_KEY": found.key.text}
        return names + [f"{prefix}_{name}" for name, value in parts.items() if not value]
    # Others may know the application as one that can keep no secret.
    return names + ([f"{prefix}_CLIENT_SECRET"] if isinstance(provider, GitHub | Google | Microsoft) else [])


def _prefix(provider: External) -> str:
    return provider.key.upper().replace("-", "_")
