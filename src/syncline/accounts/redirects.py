"""Where people may be sent after sign-in: within the site, or to an origin that the application names."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .settings import AccountSettings

HOME = "/"
_LONGEST = 2000
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
#: Behind the first slash: what others who undo escapes, before they redirect in turn, would take for a second one.
_ESCAPED = re.compile(r"/%(?:[01][0-9a-f]|20|25|2f|5c)", re.IGNORECASE)
_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?").fullmatch


def safe_redirect(settings: AccountSettings, target: str) -> str:
    """`target` if it may be gone to, otherwise the start page."""
    if not target or len(target) > _LONGEST or _FORBIDDEN.search(target) or _ESCAPED.match(target):
        return HOME
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return HOME
    if not parts.scheme and not parts.netloc:
        return target if target.startswith("/") and not target.startswith("//") else HOME
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not parts.hostname or port == 0:
        return HOME
    return target if allows_origin(settings, f"{parts.scheme}://{parts.netloc.lower()}") else HOME


def allows_origin(settings: AccountSettings, origin: str) -> bool:
    """Whether pages of this origin may call the sign-in API, and be returned to.

    In development any port of this machine may: that is where development servers of frontends are.
    """
    if origin == settings.url or origin in settings.accounts.redirects:
        return True
    return not settings.production and _LOOPBACK(origin) is not None


def is_own_origin(settings: AccountSettings, origin: str) -> bool:
    """Whether the origin is this server's."""
    return origin == settings.url or (not settings.production and _LOOPBACK(origin) is not None)
