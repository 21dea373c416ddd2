"""A typed client in Python: calls, live queries that never are silently stale, and reconnecting.

async with Client("http://127.0.0.1:3210") as client:
    async for messages in client.subscribe(messages.list_messages, channel="general"):
        ...
"""

from . import remote
from .accounts import AccountsClient
from .blocking import LiveResult, SyncClient
from .client import Client
from .errors import (
    AccountsError,
    AuthenticationError,
    ClientClosedError,
    ClientError,
    ConnectionLostError,
    FunctionError,
)
from .logins import StoredLogin, stored_login
from .subscription import Subscription, Update
from .tokens import AdminKey, Token, TokenSource
from .watches import State

__all__ = [
    "AccountsClient",
    "AccountsError",
    "AdminKey",
    "AuthenticationError",
    "Client",
    "ClientClosedError",
    "ClientError",
    "ConnectionLostError",
    "FunctionError",
    "LiveResult",
    "State",
    "StoredLogin",
    "Subscription",
    "SyncClient",
    "Token",
    "TokenSource",
    "Update",
    "remote",
    "stored_login",
]
