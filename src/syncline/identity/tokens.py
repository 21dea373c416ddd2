"""JSON Web Tokens taken apart. Nothing in here says that a token is genuine."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn, cast

#: A token longer than this is refused before anybody looks into it.
TOKEN_BYTES: Final = 8 * 1024

_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
#: Keys that a token brings along are never looked at, let alone fetched: whoever sends them has no business here.
_FORBIDDEN_HEADERS: Final = ("crit", "jwk", "jku", "x5u", "x5c", "zip", "enc")
#: The values of `typ` of tokens that say who somebody is; a logout token, say, is signed with the same keys.
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class BadTokenError(Exception):
    """The text is for whoever sent the token; it holds nothing of the token itself."""


class Token(NamedTuple):
    """A token as it says it is. `signed` is what the signature covers."""

    algorithm: str
    key_id: str | None
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def take_apart(text: str) -> Token:
    """The parts of a compact JSON Web Token. Raises BadTokenError."""
    if len(text) > TOKEN_BYTES:
        raise BadTokenError(f"it is longer than {TOKEN_BYTES:,} bytes")
    parts = text.split(".")
    if len(parts) != 3 or not _ALPHABET.issuperset(text.replace(".", "")):
        raise BadTokenError("it is not a JSON Web Token, three parts in base64url with dots between them")
    header = _object(parts[0], "header")
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str):
        raise BadTokenError("its header names no algorithm")
    if key_id is not None and not isinstance(key_id, str):
        raise BadTokenError("its header has a `kid` that is no text")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise BadTokenError("its header says that it is another type of token")
    forbidden = next((name for name in _FORBIDDEN_HEADERS if name in header), None)
    if forbidden is not None:
        raise BadTokenError(f"its header has `{forbidden}`, which is not accepted")
    claims = _object(parts[1], "payload")
    return Token(algorithm, key_id, claims, f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2], "signature"))


def _bytes(part: str, what: str) -> bytes:
    try:
        found = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise BadTokenError(f"its {what} is not base64url") from None
    return found


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        found: object = json.loads(_bytes(part, what), object_pairs_hook=_unique, parse_constant=_no_constant)
    except BadTokenError:
        raise
    except (ValueError, RecursionError):
        raise BadTokenError(f"its {what} is not JSON") from None
    if not isinstance(found, dict):
        raise BadTokenError(f"its {what} is not a JSON object")
    return cast("dict[str, Any]", found)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers of a name that is there twice may see different values: one checks the first, one uses the last.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadTokenError("it has a name twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise BadTokenError(f"it holds {name}, which is not JSON")
