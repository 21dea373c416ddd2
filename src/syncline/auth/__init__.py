"""Ways to sign in: what `App(auth=[...])` takes.

    from syncline import App
    from syncline.auth import Clerk, OpenIDConnect

    app = App(auth=[Clerk(domain="https://verb-noun-00.clerk.accounts.dev")])

Providers are declarations only. Those outside (`Clerk`, `Auth0`, `OpenIDConnect`) sign people in elsewhere; Syncline
verifies their tokens. The built-in ones make Syncline itself sign people in.
"""

from __future__ import annotations

from .builtin import (
    Accounts,
    Apple,
    BuiltIn,
    EmailCode,
    External,
    GitHub,
    Google,
    Microsoft,
    OpenIDSignIn,
    Passkey,
    Password,
    Theme,
)
from .issuers import Auth0, Clerk, OpenIDConnect
from .provider import Provider

__all__ = [
    "Accounts",
    "Apple",
    "Auth0",
    "BuiltIn",
    "Clerk",
    "EmailCode",
    "External",
    "GitHub",
    "Google",
    "Microsoft",
    "OpenIDConnect",
    "OpenIDSignIn",
    "Passkey",
    "Password",
    "Provider",
    "Theme",
]
