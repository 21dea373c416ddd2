"""E-mail addresses: one normal form, made before anything else looks at them."""

from __future__ import annotations

import re
import unicodedata

from .core import AccountError

_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]{1,64}").fullmatch
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)").fullmatch
_LENGTH = 254


def clean_email(text: str) -> str:
    """The address as it is written to: without surrounding spaces, its domain in lower-case ASCII.

    Raises AccountError for what is no address.
    """
    text = unicodedata.normalize("NFKC", text.strip()) if len(text) <= 2 * _LENGTH else ""
    local, at, domain = text.rpartition("@")
    if not at or _LOCAL(local) is None or local.startswith(".") or local.endswith(".") or ".." in local:
        raise AccountError("error.email")
    try:
        ascii_domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        raise AccountError("error.email") from None
    labels = ascii_domain.split(".")
    if len(labels) < 2 or any(_LABEL(label) is None for label in labels) or labels[-1].isdigit():
        raise AccountError("error.email")
    if len(local.encode()) + 1 + len(ascii_domain) > _LENGTH or not text.isprintable():
        raise AccountError("error.email")
    return f"{local}@{ascii_domain}"


def normal_form(email: str) -> str:
    """What two ways to write one address have in common. `email` is from `clean_email`.

    Only case differs between them: `straße` and `strasse`, which are the same to `casefold`, are two mailboxes.
    """
    return unicodedata.normalize("NFKC", email.lower())


def matches(normal: str, pattern: str) -> bool:
    """Whether a rule's pattern, `ann@example.com` or `@example.com`, means this address."""
    pattern = pattern.casefold()
    return normal.endswith(pattern) if pattern.startswith("@") else normal == pattern
