"""The hosted pages and the sign-in API: what is under /auth."""

from __future__ import annotations

from .application import make_application, make_routes
from .page_sessions import PageSessions

__all__ = ["PageSessions", "make_application", "make_routes"]
