"""Live queries over a connection: the cache of results, rounds of reruns, and sessions as state machines without I/O."""

from .entries import Subscriber, Subscription, Support
from .identities import Rejected, TokenVerifier, Unavailable, Verdict, Verified, acting_identity, no_providers
from .live import LiveQueries
from .port import CallEngine, Services, SessionPort
from .rounds import QueryEngine
from .session import Session
from .stats import LiveStats

__all__ = [
    "CallEngine",
    "LiveQueries",
    "LiveStats",
    "QueryEngine",
    "Rejected",
    "Services",
    "Session",
    "SessionPort",
    "Subscriber",
    "Subscription",
    "Support",
    "TokenVerifier",
    "Unavailable",
    "Verdict",
    "Verified",
    "acting_identity",
    "no_providers",
]
