"""The key that data at rest is encrypted with."""

from __future__ import annotations

from syncline.kernel.errors import SetupError

from .layout import KEY_BYTES


def parse_key(text: str) -> bytes:
    """An encryption key as people write it: 64 hexadecimal digits. Raises SetupError, which never shows the key."""
    text = text.strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SetupError(
            f"an encryption key is {KEY_BYTES * 2} hexadecimal digits, this one has {len(text)} characters"
            + ("" if key else ", or others than 0-9 and a-f"),
            'make one with: python -c "import secrets; print(secrets.token_hex(32))"',
        )
    return key
