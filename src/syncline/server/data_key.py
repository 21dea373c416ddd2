"""The key of encryption at rest: 32 bytes from the environment. Without it data are stored as they are."""

from __future__ import annotations

from collections.abc import Mapping

from syncline.kernel.errors import SetupError

VARIABLE = "SYNCLINE_DATA_KEY"


def read_data_key(environment: Mapping[str, str]) -> bytes | None:
    """The key, or None. Raises SetupError."""
    text = environment.get(VARIABLE)
    if not text:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SetupError(
            f"the environment variable {VARIABLE} must be 64 hexadecimal digits",
            'make a key: python -c "import secrets; print(secrets.token_hex(32))". Without it the data cannot be read',
        )
    return key
