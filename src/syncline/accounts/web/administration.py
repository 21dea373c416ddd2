"""`/auth/v1/...`: the table of `accounts.admin` over HTTP, for whoever holds an admin key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncline.accounts.admin import ENDPOINTS, Administrator, Endpoint
from syncline.accounts.admin.table import PREFIX, route_path
from syncline.accounts.core import AccountError, Visitor

from .addresses import client_address
from .headers import failed, protect, refusal
from .visits import check_origin, request_locale

if TYPE_CHECKING:
    from syncline.accounts.provider import IdentityProvider

#: Of a body: an import brings hundreds of users.
BODY_BYTES = 4 * 1024 * 1024
_SCHEME = "convex "


def make_routes(accounts: IdentityProvider) -> list[Route]:
    """One route per path, with all of its methods."""
    paths: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [
        Route(PREFIX + route_path(path), partial(_handle, accounts, methods), methods=list(methods))
        for path, methods in paths.items()
    ]


async def _handle(accounts: IdentityProvider, methods: Mapping[str, Endpoint], request: Request) -> Response:
    try:
        endpoint = methods["GET" if request.method == "HEAD" else request.method]
        response: Response = await _answer(accounts, endpoint, request)
    except AccountError as error:
        response = refusal(accounts, request, error, request_locale(accounts, request))
    except Exception as error:  # Answered here, with our headers.
        response = failed(accounts, request, error, request_locale(accounts, request))
    return protect(accounts, request, response)


async def _answer(accounts: IdentityProvider, endpoint: Endpoint, request: Request) -> Response:
    if endpoint.method != "GET":
        check_origin(accounts, request)
    address = client_address(request.scope, accounts.core.settings.trusted_proxies)
    administrator = find_administrator(accounts, request, address)
    if administrator.read_only and endpoint.method != "GET":
        raise AccountError("error.key_scope", status=403)
    # Who may not ask is refused before anything that was sent is read.
    if endpoint.reads:
        given = _query(request)
    else:
        given = await _body(request)
        # It may have taken its time: a key that was withdrawn meanwhile changes nothing.
        administrator = find_administrator(accounts, request, address)
    visitor = Visitor(address, request.headers.get("user-agent", "")[:1000], "en")
    answer = await accounts.administer_later(
        endpoint, request.path_params, given, administrator.name, visitor
    )
    return JSONResponse(answer, endpoint.status)


def find_administrator(accounts: IdentityProvider, request: Request, address: str) -> Administrator:
    """Whose admin key came with a request. Raises AccountError."""
    authorization = request.headers.get("authorization", "")
    found = None
    if authorization.lower().startswith(_SCHEME):
        found = accounts.find_administrator(authorization[len(_SCHEME) :].strip(), address)
    if found is None:
        raise AccountError("error.admin_key", status=403)
    return found


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params)


async def _body(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES:
            raise AccountError("error.body", status=413)
    if not body:
        return {}
    if kind != "application/json" or request.headers.get("content-encoding"):
        raise AccountError("error.body", status=415)
    try:
        # Strictly: NaN and halves of characters would be stored, and could not be told to anybody again.
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise AccountError("error.body") from None
