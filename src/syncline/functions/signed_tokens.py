"""Tokens that functions sign for other services: `ctx.auth.sign_jwt`.

They are of another issuer and another key than those of the built-in sign-in: a function may choose subject and audience,
and must not be able to make sessions.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2b, sha256
from typing import Any, Final

from syncline.kernel.errors import ArgumentError, SetupError

LONGEST_SECONDS: Final = 3600
_RESERVED: Final = frozenset({"iss", "iat", "exp", "nbf"})
_RESERVED_PREFIXES: Final = ("convex", "cvx", "syncline")
_CLAIMS_BYTES: Final = 16 * 1024


class TokenSigner:
    """Signs with ES256. The key is derived from `secret`, 32 bytes that are this deployment's alone."""

    def __init__(self, secret: bytes, issuer: str) -> None:
        """`issuer`: where clients reach the server; empty if that is not known."""
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

        # From 48 bytes the remainder is as good as even.
        number = int.from_bytes(blake2b(secret, digest_size=48, person=b"syncline jwt").digest())
        self._private = derive_private_key(number % (_ORDER - 1) + 1, SECP256R1())
        self._issuer = issuer
        point = self._private.public_key().public_numbers()
        x, y = point.x.to_bytes(32), point.y.to_bytes(32)
        self._key_id = sha256(x + y).hexdigest()[:16]
        #: The JSON Web Key Set that the tokens are verified with.
        self.key_set: dict[str, Any] = {
            "keys": [
                {"kty": "EC", "crv": "P-256", "x": _base64(x), "y": _base64(y)}
                | {"kid": self._key_id, "alg": "ES256", "use": "sig"}
            ]
        }

    def sign(self, claims: Mapping[str, object], expires_in: float | timedelta, now: float) -> str:
        """The token, good from `now` (seconds since the epoch). Raises ArgumentError, SetupError."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        if not self._issuer:
            raise SetupError(
                "ctx.auth.sign_jwt: the address of this server is not known, and it is the issuer of the token",
                'set it: url = "https://app.example.com" under [tool.syncline], or SYNCLINE_URL',
            )
        issued, seconds = int(now), _seconds(expires_in)
        body = _encoded(claims) | {"iss": self._issuer, "iat": issued, "exp": issued + seconds}
        header = {"alg": "ES256", "kid": self._key_id, "typ": "JWT"}
        signed = f"{_base64(_json(header))}.{_base64(_json(body))}"
        r, s = decode_dss_signature(self._private.sign(signed.encode(), ECDSA(SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32) + s.to_bytes(32))}"


#: Of the group of P-256 (FIPS 186-4, D.1.2.3).
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _seconds(expires_in: float | timedelta) -> int:
    seconds = expires_in.total_seconds() if isinstance(expires_in, timedelta) else expires_in
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise ArgumentError(
            f"ctx.auth.sign_jwt: expires_in is {seconds:g} s; it must be between 1 s and an hour ({LONGEST_SECONDS:,} s)"
        )
    return int(seconds)


def _encoded(claims: Mapping[str, object]) -> dict[str, object]:
    for name in claims:
        if name in _RESERVED or name.lower().startswith(_RESERVED_PREFIXES):
            raise ArgumentError(
                f"ctx.auth.sign_jwt: the claim {name!r} is not yours to set; reserved are {', '.join(sorted(_RESERVED))} "
                f"and names that begin with {', '.join(_RESERVED_PREFIXES)}"
            )
    try:
        size = len(_json(claims))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"ctx.auth.sign_jwt: claims must be JSON: {error}") from None
    if size > _CLAIMS_BYTES:
        raise ArgumentError(
            f"ctx.auth.sign_jwt: the claims have {size:,} bytes; the limit is {_CLAIMS_BYTES:,}. Put an id in their place"
        )
    return dict(claims)


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(dict(value), separators=(",", ":"), allow_nan=False).encode()


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
