"""The network: HTTP and WebSocket connections, the function endpoints, watch streams, and the site."""

from .callers import Callers, check_key
from .calls import FunctionEndpoints
from .connection import HttpConnection, connection_class
from .deployment import DeploymentEndpoints
from .diagnostics import Diagnostics
from .gateway import Gateway
from .issuer_fetch import IssuerFetcher
from .logs import LogEndpoint
from .misc import register_misc
from .origins import Origins
from .pages import Pages, read_site
from .reference_pages import ReferencePages
from .upgrade import SyncSockets
from .watch import WatchEndpoint
from .websocket import WebSocketConnection

__all__ = [
    "Callers",
    "DeploymentEndpoints",
    "Diagnostics",
    "FunctionEndpoints",
    "Gateway",
    "HttpConnection",
    "IssuerFetcher",
    "LogEndpoint",
    "Origins",
    "Pages",
    "ReferencePages",
    "SyncSockets",
    "WatchEndpoint",
    "WebSocketConnection",
    "check_key",
    "connection_class",
    "read_site",
    "register_misc",
]
