"""The network: HTTP and WebSocket connections, the function endpoints, watch streams, and the site."""

from .callers import Callers, check_key
from .calls import FunctionEndpoints
from .connection import HttpConnection, connection_class
from .deployment import DeploymentEndpoints
from .diagnostics import Diagnostics
from .file_records import FileRecords
from .files import Files
from .front import Front
from .gateway import ADMINISTERS, Gateway
from .issuer_fetch import IssuerFetcher
from .logs import LogEndpoint
from .metrics import MetricsEndpoint
from .misc import register_misc
from .mounted import MountSet
from .mounts import Mounts, context, sync_context
from .origins import Origins
from .pages import Pages, read_site
from .reference_pages import ReferencePages
from .route_decorator import route
from .route_table import RouteTable
from .routes import Routes
from .surface import Surface, surface_of, surface_of_starlette
from .sync_request import SyncRequest
from .upgrade import SyncSockets
from .watch import WatchEndpoint
from .websocket import WebSocketConnection

__all__ = [
    "ADMINISTERS",
    "Callers",
    "DeploymentEndpoints",
    "Diagnostics",
    "FileRecords",
    "Files",
    "Front",
    "FunctionEndpoints",
    "Gateway",
    "HttpConnection",
    "IssuerFetcher",
    "LogEndpoint",
    "MetricsEndpoint",
    "MountSet",
    "Mounts",
    "Origins",
    "Pages",
    "ReferencePages",
    "RouteTable",
    "Routes",
    "Surface",
    "SyncRequest",
    "SyncSockets",
    "WatchEndpoint",
    "WebSocketConnection",
    "check_key",
    "connection_class",
    "context",
    "read_site",
    "register_misc",
    "route",
    "surface_of",
    "surface_of_starlette",
    "sync_context",
]
