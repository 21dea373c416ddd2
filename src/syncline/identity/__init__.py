"""Who a token says its holder is, and whether that is so.

    Verifier       the one way of all tokens, whoever issued them
    Issuer         whose tokens are accepted, what must be in them, and where its keys come from (KeySource)
    Revocations    sessions and roles that ended before their tokens expired, pushed to open connections

No part of this opens a socket: keys come through `Fetch`. The built-in issuer is one `Issuer` among others:

    keys = LocalKeys(KeySet.load({"keys": [public_jwk, ...]}))
    verifier.configure([Issuer("https://example.com/auth", keys, frozenset({"RS256"}), frozenset({"convex"}), strict=True)])
    verifier.revocations.revoke_session("https://example.com/auth", sid)
"""

from __future__ import annotations

from .fetching import Answer, Fetch, Fetched, FetchFailed
from .issuers import Issuer, issuers_of
from .key_sets import KeySet, KeySetError, PublicKey
from .key_sources import Found, KeySource, LocalKeys, RemoteKeys
from .revocations import Revocations, Watch
from .tokens import TOKEN_BYTES
from .verdicts import Rejected, TokenVerifier, Unavailable, Verdict, Verified, no_providers
from .verifier import Verifier

__all__ = [
    "TOKEN_BYTES",
    "Answer",
    "Fetch",
    "FetchFailed",
    "Fetched",
    "Found",
    "Issuer",
    "KeySet",
    "KeySetError",
    "KeySource",
    "LocalKeys",
    "PublicKey",
    "Rejected",
    "RemoteKeys",
    "Revocations",
    "TokenVerifier",
    "Unavailable",
    "Verdict",
    "Verified",
    "Verifier",
    "Watch",
    "issuers_of",
    "no_providers",
]
