"""The admin key: made on first start and kept in the data folder, readable by its owner only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from syncline.kernel.clock import Entropy
from syncline.kernel.errors import SetupError

VARIABLE = "SYNCLINE_ADMIN_KEY"
FILE = "admin_key"

_SECRET_BYTES = 32
# A colon separates the key from the identity that an admin acts as.
_FORM = re.compile(r"[A-Za-z0-9_.-]{1,64}\|[^\s:|]{16,512}").fullmatch


def load_admin_key(data: Path, environment: Mapping[str, str], entropy: Entropy) -> str:
    """The key of the deployment with this data folder (which exists), made if there is none. Raises SetupError."""
    known = read_admin_key(data, environment)
    if known is not None:
        return known
    key = f"syncline|{entropy.bytes(_SECRET_BYTES).hex()}"
    path = data / FILE
    try:
        # Exclusive and with its final mode from the start: at no moment can anybody else read or replace it.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as stream:
            stream.write(key + "\n")
    except OSError as error:
        raise SetupError(f"the admin key cannot be kept in {path}: {error.strerror}") from None
    return key


def read_admin_key(data: Path, environment: Mapping[str, str]) -> str | None:
    """The key from the environment, or else from the data folder; None if there is none yet. Raises SetupError."""
    key = environment.get(VARIABLE)
    where = f"the environment variable {VARIABLE}"
    if not key:
        path = data / FILE
        where = f"the file {path}"
        try:
            key = path.read_text().strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SetupError(f"{where} cannot be read: {error}", "give this user the file (chown)") from None
    if _FORM(key) is None:
        raise SetupError(
            f"{where} holds no admin key: it must be NAME|SECRET, with 16 or more characters in SECRET and none of "
            "them a space, a colon or a bar",
            "make one: python -c \"import secrets; print(f'syncline|{secrets.token_hex(32)}')\"",
        )
    return key


def instance_name(key: str) -> str:
    """The name before the bar: what the deployment calls itself."""
    return key.partition("|")[0]
