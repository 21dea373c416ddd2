"""Admin keys beside the first one: named, of a scope, for some time, withdrawn one by one.

A file in the data folder lists them. It holds hashes: who reads it cannot use them. The command line changes it, the
server looks at it every second, off the event loop.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import msgspec

from syncline.identity import Verified
from syncline.kernel.clock import Entropy
from syncline.kernel.errors import SetupError
from syncline.kernel.identity import Caller, Identity
from syncline.sync import AdminGrant

FILE: Final = "admin_keys.json"
#: When keys were used, which the server writes down and nothing depends on.
USES: Final = "admin_keys_used.json"
#: The issuer under which the end of a key is told to connections that were opened with it.
ISSUER: Final = "syncline:admin-keys"

Scope = Literal["admin", "read"]

_MOST: Final = 1_000
_SECRET = re.compile(r"sk_([0-9a-f]{12})_([0-9a-f]{64})").fullmatch
_NOBODY: Final = "0" * 64


class StoredKey(msgspec.Struct, frozen=True):
    """A key as the file has it. Times are seconds since the epoch."""

    id: str
    name: str
    scope: Scope
    hash: str
    created: int
    expires: int | None = None


class AdminKeys:
    """What the file holds, for checking keys. `keys` is replaced as a whole."""

    def __init__(self, keys: Mapping[str, StoredKey]) -> None:
        self.keys = keys

    def find(self, credential: str, now_ns: int) -> AdminGrant | None:
        """What the holder of `NAME|sk_ID_SECRET` may do; None if it is none of these keys. Takes equally long for all."""
        parsed = _SECRET(credential.partition("|")[2])
        if parsed is None:
            return None
        id, secret = parsed.groups()
        key = self.keys.get(id)
        expected = _NOBODY if key is None else key.hash
        if not hmac.compare_digest(_hash(secret), expected) or key is None:
            return None
        expires_ns = None if key.expires is None else key.expires * 10**9
        if expires_ns is not None and now_ns >= expires_ns:
            return None
        caller = Caller(admin=True, read_only=key.scope == "read", admin_key=id)
        return AdminGrant(caller, Verified(Identity(id, ISSUER), expires_ns, id))


def read_keys(data: Path) -> dict[str, StoredKey]:
    """The keys of the deployment with this data folder. Raises SetupError."""
    try:
        found = msgspec.json.decode((data / FILE).read_bytes(), type=list[StoredKey])
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise SetupError(
            f"the file {data / FILE} cannot be read: {error}",
            "restore it, or remove it: then no such key is good",
        ) from None
    return {key.id: key for key in found}


def create_key(
    data: Path, instance: str, name: str, scope: Scope, expires: int | None, now: int, entropy: Entropy
) -> tuple[StoredKey, str]:
    """Make a key, and its text, which is known to nobody afterwards. Raises SetupError."""
    keys = read_keys(data)
    if len(keys) >= _MOST:
        raise SetupError(
            f"there are {len(keys):,} keys already", "revoke those that nobody uses: syncline keys revoke ID"
        )
    id, secret = entropy.bytes(6).hex(), entropy.bytes(32).hex()
    key = StoredKey(id, name, scope, _hash(secret), now, expires)
    _write(data, {**keys, id: key})
    return key, f"{instance}|sk_{id}_{secret}"


def remove_key(data: Path, id: str) -> StoredKey:
    """Withdraw a key. Raises SetupError if there is none of this id."""
    keys = read_keys(data)
    key = keys.pop(id, None)
    if key is None:
        raise SetupError(f"there is no key {id}", "see those that are: syncline keys list")
    _write(data, keys)
    return key


def read_uses(data: Path) -> dict[str, int]:
    """When keys were last used, to the minute or so, by their ids; without those that never were."""
    try:
        return msgspec.json.decode((data / USES).read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}


def write_uses(data: Path, uses: Mapping[str, int]) -> None:
    """Raises OSError."""
    _replace(data / USES, msgspec.json.encode(dict(uses)))


def _write(data: Path, keys: Mapping[str, StoredKey]) -> None:
    try:
        _replace(data / FILE, msgspec.json.format(msgspec.json.encode(list(keys.values()))))
    except OSError as error:
        raise SetupError(f"the keys cannot be kept in {data / FILE}: {error.strerror}") from None


def _replace(place: Path, content: bytes) -> None:
    temporary = place.with_name(f"{place.name}.new")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(place)


def _hash(secret: str) -> str:
    # 256 random bits: there is nothing to guess, so that the hash need not be slow.
    return sha256(secret.encode()).hexdigest()
