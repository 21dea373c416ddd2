"""The built-in identity provider: users, sessions, ways to sign in, hosted pages and mails.

Its data are in a file of their own, which no function of the application can reach. The server opens `IdentityProvider`, mounts
its `application` under /auth, and verifies its tokens like those of any other issuer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .settings import AUDIENCE, AccountSettings, uses_accounts

if TYPE_CHECKING:
    from .admin import Administrator, find_endpoint
    from .core import AccountError, Core, Visitor
    from .identity_file import FILE, IdentityFile
    from .mail.writing import check_templates
    from .provider import IdentityProvider

__all__ = [
    "AUDIENCE",
    "FILE",
    "AccountError",
    "AccountSettings",
    "Administrator",
    "Core",
    "IdentityFile",
    "IdentityProvider",
    "Visitor",
    "check_templates",
    "find_endpoint",
    "uses_accounts",
]

# Imported when first used: servers whose applications have no accounts start 100 ms sooner.
_HOMES = {
    "AccountError": ".core",
    "Administrator": ".admin",
    "find_endpoint": ".admin",
    "Core": ".core",
    "Visitor": ".core",
    "FILE": ".identity_file",
    "IdentityFile": ".identity_file",
    "IdentityProvider": ".provider",
    "check_templates": ".mail.writing",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value
