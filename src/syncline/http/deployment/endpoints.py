"""The table of the deployment's endpoints, and what they have in common."""

from __future__ import annotations

from functools import partial
from typing import Final

from syncline.http.callers import Callers
from syncline.http.gateway import Gateway
from syncline.http.replies import Refusal
from syncline.http.request import Endpoint, Request
from syncline.kernel.identity import Caller
from syncline.sync import Services
from syncline.transfer.live_exports import LiveExports
from syncline.transfer.live_imports import LiveImports

from .answers import Administered
from .exports import ExportEndpoints
from .imports import ImportEndpoints
from .variables import VariableEndpoints

_KNOWN: Final = b'{"success":true,"allowedOps":[],"isReadOnly":%b}'
_NO_JAVASCRIPT: Final = (
    "/api/get_config_hashes",
    "/api/get_config",
    "/api/push_config",
    "/api/deploy2/",
    "/api/prepare_schema",
)
#: What `npx convex dev` asks before it pushes.
_FIRST_OF_DEV: Final = "/api/v1/get_canonical_urls"


class DeploymentEndpoints:
    """Registers them all. Each sees only requests of admins."""

    def __init__(
        self,
        callers: Callers,
        gateway: Gateway,
        services: Services,
        imports: LiveImports,
        exports: LiveExports,
    ) -> None:
        self._callers = callers
        for method, path, endpoint in (
            *ImportEndpoints(services, imports).table(),
            *VariableEndpoints(services).table(),
        ):
            gateway.add(method, path, self._guarded(endpoint, reading=False), administration=True)
        for method, path, endpoint in ExportEndpoints(services, exports).table():
            gateway.add(method, path, self._guarded(endpoint, reading=True), administration=True)
        gateway.add("GET", "/api/check_admin_key", self._check, administration=True)
        for path in _NO_JAVASCRIPT:
            gateway.add("POST", path, _no_javascript, administration=True)
        gateway.add("GET", _FIRST_OF_DEV, _no_javascript, administration=True)
        gateway.add("POST", "/api/run_test_function", _no_inline_query, administration=True)

    def _guarded(self, endpoint: Administered, *, reading: bool) -> Endpoint:
        """The same for admins only; `reading`: also for those whose key is for reading only."""

        def admitted(request: Request, caller: Caller) -> None:
            self._callers.require_admin(caller, reading=reading)
            request.guarded(endpoint, request, caller)

        def answer(request: Request) -> None:
            self._callers.resolve(request, partial(admitted, request))

        return answer

    def _check(self, request: Request) -> None:
        def answer(caller: Caller) -> None:
            self._callers.require_admin(caller, reading=True)
            read_only = b"true" if caller.read_only else b"false"
            request.respond(200, _KNOWN % read_only)

        self._callers.resolve(request, answer)


def _no_javascript(request: Request) -> None:
    # Not a 404: the official command line retries those several times before it gives up.
    raise Refusal(
        400,
        "NotAJavaScriptDeployment",
        "this is a Syncline server: its functions are Python, and `npx convex deploy` and `npx convex dev` push "
        "JavaScript. While you develop, run `syncline dev`: it loads the backend folder again on every save and writes "
        "the types that the frontend imports. In production, copy the folder to the server and run `syncline start`. "
        "`npx convex run`, `data`, `logs`, `env`, `export`, `import` and `function-spec` work as they are.",
    )


def _no_inline_query(request: Request) -> None:
    raise Refusal(
        400,
        "NotAJavaScriptDeployment",
        "this is a Syncline server: its functions are Python, and an inline query is JavaScript that would run here. Call a "
        "function of the application with `npx convex run MODULE:FUNCTION` or `syncline run`, look at documents with "
        "`npx convex data` or `syncline data`, or write queries in Python, with the documents of the application, in "
        "`syncline shell`.",
    )
