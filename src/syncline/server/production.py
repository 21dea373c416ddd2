"""What `syncline start` does not start with: secrets that others could guess, and proxies that anybody could be.

What `syncline dev` is content with, since nobody else reaches it, would leave a server in production open without
anybody noticing. What the sign-in refuses besides is in `accounts.account_settings`, and issuers in `identity`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from syncline.kernel.errors import SetupError

from .accounts import MAIL_SECRET
from .admin_key import FILE, read_admin_key
from .admin_key import VARIABLE as ADMIN_KEY
from .data_key import VARIABLE as DATA_KEY
from .data_key import read_data_key
from .proxies import TRUSTED_PROXIES, trusted_proxies

_KEY_CHARACTERS: Final = 32
#: A random key of 32 hexadecimal digits has fewer once in a billion.
_DIFFERENT: Final = 6
#: Words of examples. Each is too long to turn up in a random text.
_PLACEHOLDER = re.compile(
    r"change[-_ ]?me|placeholder|example|password|insecure|default|secret|qwerty|letmein|your[-_ ]",
    re.IGNORECASE,
)
#: Private networks of IPv4 (10.0.0.0/8) and IPv6 (fc00::/7); what is wider is the Internet.
_WIDEST: Final = {4: 8, 6: 7}


def check_production(data: Path, environment: Mapping[str, str]) -> None:
    """Raises SetupError, naming what would be dangerous, and what to set instead."""
    _check_admin_key(data, environment)
    _check_data_key(environment)
    _check_mail_secret(environment)
    _check_proxies(environment)


def guessable(secret: str | bytes, least: int) -> str | None:
    """Why somebody could guess a secret that must have `least` characters or bytes; None if nobody could."""
    if len(secret) < least:
        return f"it has {len(secret)} characters, of {least} that it needs"
    if isinstance(secret, str) and (found := _PLACEHOLDER.search(secret)) is not None:
        # A label such as `prod-secret-` before something random is one; an example has little besides.
        rest = guessable(secret.replace(found[0], ""), least)
        return None if rest is None else f"it has {found[0]!r} in it, as examples do"
    codes = secret if isinstance(secret, bytes) else secret.encode()
    if len(set(codes)) < _DIFFERENT:
        return f"it is made of {len(set(codes))} different characters"
    if any(codes[length:] == codes[:-length] for length in range(1, len(codes) // 2 + 1)):
        return "it repeats itself"
    if len({(after - before) % 256 for before, after in pairwise(codes)}) == 1:
        return "it only counts up"
    return None


def _check_admin_key(data: Path, environment: Mapping[str, str]) -> None:
    key = read_admin_key(data, environment)
    why = None if key is None else guessable(key.partition("|")[2], _KEY_CHARACTERS)
    if why is not None:
        where = (
            f"the environment variable {ADMIN_KEY}"
            if environment.get(ADMIN_KEY)
            else f"the file {data / FILE}"
        )
        raise SetupError(
            f"{where} holds an admin key that others could guess: {why}. Whoever has it may do anything here",
            "make one: python -c \"import secrets; print(f'syncline|{secrets.token_hex(32)}')\"; without the variable and "
            "the file one is made at the start",
        )


def _check_data_key(environment: Mapping[str, str]) -> None:
    key = read_data_key(environment)
    why = None if key is None else guessable(key, len(key))
    if why is not None:
        raise SetupError(
            f"the environment variable {DATA_KEY} is a key that others could guess: {why}",
            'make a key: python -c "import secrets; print(secrets.token_hex(32))". Data that were encrypted with this one '
            "go by `syncline export` and `syncline import` into a new folder",
        )


def _check_mail_secret(environment: Mapping[str, str]) -> None:
    try:
        secret = b64decode(environment.get(MAIL_SECRET, "").removeprefix("whsec_"), validate=True)
    except ValueError:
        return  # What has another form is refused where it is used.
    why = guessable(secret, 0) if secret else None
    if why is not None:
        raise SetupError(
            f"the environment variable {MAIL_SECRET} is a secret that others could guess: {why}. Whoever has it can have mails "
            "sent in this server's name",
            "make one: python -c \"import base64, secrets; print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\"",
        )


def _check_proxies(environment: Mapping[str, str]) -> None:
    for network in trusted_proxies(environment):
        if network.prefixlen < _WIDEST[network.version]:
            raise SetupError(
                f"{TRUSTED_PROXIES} trusts {network}: anybody there could say to be any address, and no limit by address "
                "would hold",
                "name the proxies, or the network that nobody but them is in, for example 10.0.0.0/8",
            )
