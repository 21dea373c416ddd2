"""The key of what is stored sealed: derived from the data key, or made on first start and kept in the data folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from syncline.kernel.clock import Entropy
from syncline.kernel.errors import SetupError
from syncline.kernel.secrets import SecretBox

from .data_key import read_data_key

FILE = "secret_key"
_BYTES = 32


def open_secrets(data: Path, environment: Mapping[str, str], entropy: Entropy) -> SecretBox:
    """The box of the deployment with this data folder (which exists). Raises SetupError.

    With a data key nothing secret lies in the folder. Without one the key is a file beside the database, readable by
    its owner only: a copy of the database alone, in a backup say, gives no value away.
    """
    data_key = read_data_key(environment)
    if data_key is not None:
        return SecretBox(blake2b(data_key, digest_size=_BYTES, person=b"syncline-secret").digest())
    path = data / FILE
    try:
        return SecretBox(_read(path))
    except FileNotFoundError:
        return SecretBox(_make(path, entropy.bytes(_BYTES)))


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise SetupError(
            f"the file {path} cannot be read: {error}", "give this user the file (chown)"
        ) from None
    if len(key) != _BYTES:
        raise SetupError(
            f"the file {path} holds no key: it must be {2 * _BYTES} hexadecimal digits",
            "restore it from where you keep it; without it stored variables cannot be read",
        )
    return key


def _make(path: Path, key: bytes) -> bytes:
    try:
        # Exclusive and with its final mode from the start: at no moment can anybody else read or replace it.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as stream:
            stream.write(key.hex() + "\n")
    except OSError as error:
        raise SetupError(f"the secret key cannot be kept in {path}: {error.strerror}") from None
    return key
