"""Published keys: JSON Web Key Sets, read with suspicion."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from syncline.kernel.errors import quoted

if TYPE_CHECKING:
    from joserfc.jwk import Key

#: Issuers publish two or three.
_MOST_KEYS: Final = 100
_RSA_BITS: Final = 2048

#: The type of key (and curve) that an algorithm needs.
_NEEDS: Final = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}

#: The public members of each type of key.
_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


class KeySetError(Exception):
    """A text that is no key set."""


class PublicKey:
    """One public key, for verifying signatures."""

    __slots__ = ("_curve", "_key", "_only", "_type", "id")

    def __init__(self, key: Key, entry: Mapping[str, Any]) -> None:
        self._key = key
        self._type: str = entry["kty"]
        self._curve: str | None = entry.get("crv")
        #: The one algorithm that it is for, if it says so.
        self._only: str | None = entry.get("alg")
        self.id: str | None = entry.get("kid")

    def fits(self, algorithm: str) -> bool:
        """Whether signatures of this algorithm can be made with the key's other half."""
        kind, curve = _NEEDS[algorithm]
        if self._type != kind or (curve is not None and self._curve != curve):
            return False
        return (
            self._only is None or self._only == algorithm or {self._only, algorithm} == {"EdDSA", "Ed25519"}
        )

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether the signature is right. `fits(algorithm)` must hold."""
        from joserfc.jws import JWSRegistry

        try:
            return JWSRegistry.algorithms[algorithm].verify(signed, signature, self._key)
        except ValueError:  # A signature of an impossible length.
            return False


class KeySet:
    """The usable keys of a set: public, asymmetric, for signatures, long enough. What else it holds is left out."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self._keys = tuple(keys)

    @classmethod
    def load(cls, value: object) -> KeySet:
        """The key set of a parsed JSON text, `{"keys": [...]}`. Private halves are ignored. Raises KeySetError."""
        entries: object = (
            cast("Mapping[str, object]", value).get("keys") if isinstance(value, Mapping) else None
        )
        if not isinstance(entries, list):
            raise KeySetError("it has no list `keys`")
        listed = cast("list[object]", entries)
        if len(listed) > _MOST_KEYS:
            raise KeySetError(f"it holds {len(listed):,} keys; more than {_MOST_KEYS} are not read")
        keys = [_load_key(cast("Mapping[str, Any]", entry)) for entry in listed if isinstance(entry, Mapping)]
        return cls(key for key in keys if key is not None)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key_id: str | None, algorithm: str) -> PublicKey | None:
        """The key with this id, for this algorithm. A token that names no key is fine if there is only one."""
        fitting = [key for key in self._keys if key.fits(algorithm)]
        if key_id is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.id == key_id), None)


def _load_key(entry: Mapping[str, Any]) -> PublicKey | None:
    """A key of the set; None for keys that cannot be used here."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    kind = entry.get("kty")
    members = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if (
        members is None
        or entry.get("use", "sig") != "sig"
        or "verify" not in entry.get("key_ops", ("verify",))
    ):
        return None
    if not all(isinstance(entry.get(name, ""), str) for name in ("kid", "alg", "crv")):
        return None
    # Only the public members: with a private half in it, a "public" set would be a mistake of its publisher.
    public = cast("Any", {"kty": kind, **{name: entry.get(name) for name in members}})
    try:
        # Before it is imported, which warns of short ones.
        if kind == "RSA" and _bits(public["n"]) < _RSA_BITS:
            return None
        key = (
            RSAKey.import_key(public)
            if kind == "RSA"
            else ECKey.import_key(public)
            if kind == "EC"
            else OKPKey.import_key(public)
        )
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return PublicKey(key, entry)


def _bits(number: str) -> int:
    """Of a number in base64. Raises ValueError or TypeError if it is none."""
    return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()


def shown_key_id(key_id: str | None) -> str:
    return "no `kid`" if key_id is None else f"`kid` {quoted(key_id)}"
