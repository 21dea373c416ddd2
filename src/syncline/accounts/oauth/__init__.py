"""Sign-in at other services: OAuth 2.0 and OpenID Connect, with PKCE, state and nonce."""

from __future__ import annotations

from .client import ProviderClient
from .profile import Profile

__all__ = ["Profile", "ProviderClient"]
