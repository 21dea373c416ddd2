"""Live queries over a connection: the cache of results, rounds of reruns, and sessions as state machines without I/O."""

from syncline.identity import Rejected, TokenVerifier, Unavailable, Verdict, Verified, no_providers

from .entries import Subscriber, Subscription, Support
from .identities import acting_identity
from .live import LiveQueries
from .port import AdminGrant, CallEngine, Services, SessionPort
from .rates import CallRates, stranger_rates
from .rounds import QueryEngine
from .session import Session
from .stats import LiveStats

__all__ = [
    "AdminGrant",
    "CallEngine",
    "CallRates",
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
    "stranger_rates",
]
