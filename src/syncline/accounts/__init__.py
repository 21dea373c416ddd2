"""The built-in identity provider: users, sessions, ways to sign in, hosted pages and mails.

Its data are in a file of their own, which no function of the application can reach. The server opens `IdentityProvider`, mounts
its `application` under /auth, and verifies its tokens like those of any other issuer.
"""

from __future__ import annotations

from .core import AccountError, Core, Visitor
from .identity_file import FILE, IdentityFile
from .provider import IdentityProvider
from .settings import AUDIENCE, AccountSettings, uses_accounts

__all__ = [
    "AUDIENCE",
    "FILE",
    "AccountError",
    "AccountSettings",
    "Core",
    "IdentityFile",
    "IdentityProvider",
    "Visitor",
    "uses_accounts",
]
