"""Everyday helpers on top of functions: rate limits and presence."""

from .presence import Presence, Present
from .rate_limits import RateLimit, RateStatus

__all__ = ["Presence", "Present", "RateLimit", "RateStatus"]
