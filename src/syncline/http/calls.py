"""The function endpoints: queries, mutations and actions over HTTP.

Continuations instead of coroutines: the caller may have to be verified first, and the outcome comes when the
engine has it, but a query whose result is in the cache is answered before the endpoint returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import assert_never
from urllib.parse import parse_qs, unquote

import msgspec

from syncline.functions import (
    ActionCall,
    Failure,
    FunctionDefinition,
    Kind,
    MutationCall,
    make_failure,
    new_request_id,
)
from syncline.kernel.errors import (
    ArgumentError,
    ForbiddenError,
    FunctionNotFoundError,
    OverloadedError,
    RetentionError,
    SynclineError,
    TooManyCallsError,
    UnauthenticatedError,
)
from syncline.kernel.identity import Caller
from syncline.protocol import (
    FunctionRequest,
    QueryAtRequest,
    QueryBatchRequest,
    RunRequest,
    ValueFormat,
    argument_object,
    decode_request,
    display_path,
    parse_path,
    resolve_client,
)
from syncline.sync import Services
from syncline.values import decode_ts, encode_ts

from .batch import Batch
from .call import Call, outcome_body
from .callers import Callers
from .gateway import Gateway, url_path
from .replies import Refusal, too_many_calls
from .request import Request

#: Which function an admin may call by its path alone.
Lookup = Callable[[str, Caller], FunctionDefinition]

_BATCH_QUERIES = 1_000
_REQUEST_ID = re.compile(rb"[0-9a-f]{16}").fullmatch


class FunctionEndpoints:
    """`/api/query`, `/api/mutation` and their relatives."""

    def __init__(self, services: Services, callers: Callers, lookup: Lookup, gateway: Gateway) -> None:
        self._services = services
        self._callers = callers
        self._lookup = lookup
        gateway.add("POST", "/api/query", self._post_query)
        gateway.add("GET", "/api/query", self._get_query)
        gateway.add("POST", "/api/mutation", self._post_mutation)
        gateway.add("POST", "/api/action", self._post_action)
        gateway.add("POST", "/api/function", self._post_function, administration=True)
        gateway.add("POST", "/api/run/", self._post_run)
        gateway.add("POST", "/api/query_ts", self._post_query_ts)
        gateway.add("POST", "/api/query_at_ts", self._post_query_at_ts)
        gateway.add("POST", "/api/query_batch", self._post_query_batch)

    # Endpoints

    def _post_query(self, request: Request) -> None:
        body = decode_request(FunctionRequest, request.content)
        self._callers.resolve(request, partial(self._begin, request, body, self._query))

    def _get_query(self, request: Request) -> None:
        body = _body_of_url(request.url)
        self._callers.resolve(request, partial(self._begin, request, body, self._query))

    def _post_mutation(self, request: Request) -> None:
        body = decode_request(FunctionRequest, request.content)
        self._callers.resolve(request, partial(self._begin, request, body, self._mutate))

    def _post_action(self, request: Request) -> None:
        body = decode_request(FunctionRequest, request.content)
        self._callers.resolve(request, partial(self._begin, request, body, self._act))

    def _post_function(self, request: Request) -> None:
        body = decode_request(FunctionRequest, request.content)

        def begin(caller: Caller) -> None:
            self._callers.require_admin(caller, reading=True)
            self._begin(request, body, self._any, caller)

        self._callers.resolve(request, begin)

    def _post_run(self, request: Request) -> None:
        segments = unquote(url_path(request.url).removeprefix(b"/api/run/").decode("latin-1")).split("/")
        if len(segments) < 2 or not all(segments):
            raise Refusal(
                400,
                "MissingIdentifier",
                "the URL must name a function: /api/run/messages/list for messages:list",
            )
        run = decode_request(RunRequest, request.content or b"{}")
        body = FunctionRequest(f"{'/'.join(segments[:-1])}:{segments[-1]}", run.args, run.format or "json")
        self._callers.resolve(request, partial(self._begin, request, body, self._any))

    def _post_query_ts(self, request: Request) -> None:
        def answer(ts: int) -> None:
            request.respond(200, b'{"ts":"%b"}' % encode_ts(ts).encode())

        self._callers.resolve(request, lambda caller: self._services.live.pin(answer))

    def _post_query_at_ts(self, request: Request) -> None:
        body = decode_request(QueryAtRequest, request.content)
        try:
            ts = decode_ts(body.ts)
        except ValueError as error:
            raise Refusal(400, "BadTimestamp", f"`ts` is not a timestamp of /api/query_ts: {error}") from None
        self._callers.resolve(request, partial(self._begin, request, body, partial(self._query_at, ts)))

    def _post_query_batch(self, request: Request) -> None:
        body = decode_request(QueryBatchRequest, request.content)
        if len(body.queries) > _BATCH_QUERIES:
            message = f"a batch of {len(body.queries):,} queries; the limit is {_BATCH_QUERIES:,}"
            raise Refusal(400, "TooManyQueries", message)

        def begin(caller: Caller) -> None:
            if len(body.queries) > 1:  # One is counted.
                self._callers.count(request, caller, len(body.queries) - 1)
            calls = [self._prepare(request, query) for query in body.queries]
            Batch(self._services.live, request, caller, calls).run()

        self._callers.resolve(request, begin)

    # Kinds of calls

    def _begin(
        self, request: Request, body: FunctionRequest, run: Callable[[Call, Caller], None], caller: Caller
    ) -> None:
        call = self._prepare(request, body)
        if isinstance(call, bytes):
            request.respond(200, call)
            return
        try:
            run(call, caller)
        except TooManyCallsError as error:
            raise too_many_calls(error) from None
        except OverloadedError as error:
            raise Refusal(503, "Overloaded", str(error), error.retry_after) from None
        except RetentionError as error:
            raise Refusal(503, "OutOfRetention", str(error)) from None
        except (FunctionNotFoundError, ForbiddenError, UnauthenticatedError) as error:
            request.respond(200, outcome_body(self._failure(error), call.format))

    def _prepare(self, request: Request, body: FunctionRequest) -> Call | bytes:
        """The call, or the answer to one that cannot run. Raises ProtocolError for what is no call at all."""
        header = request.headers.get(b"convex-client")
        client = None if header is None else resolve_client(header.decode("latin-1"))
        if body.format is not None:
            answer_format = ValueFormat.parse(body.format)
        else:
            answer_format = ValueFormat.CLEAN if client is None else client.default_format
        path = parse_path(body.path)
        try:
            if body.component_path:
                raise FunctionNotFoundError(
                    f"Could not find public function for '{display_path(path)}' in '{body.component_path}'."
                )
            return Call(request, path, argument_object(body.args), answer_format)
        except (ArgumentError, FunctionNotFoundError) as error:
            return outcome_body(self._failure(error), answer_format)

    def _failure(self, error: SynclineError) -> Failure:
        """What becomes of a call that failed before a function ran."""
        request_id = new_request_id(self._services.entropy)
        return make_failure(
            error, request_id=request_id, redact=self._services.redact, raised_by_function=False
        )

    def _query(self, call: Call, caller: Caller) -> None:
        self._services.live.fetch(call.path, call.args, caller, lambda outcome, ts: call.answer(outcome))

    def _query_at(self, ts: int, call: Call, caller: Caller) -> None:
        self._services.live.fetch_at(
            ts, call.path, call.args, caller, lambda outcome, at: call.answer(outcome)
        )

    def _mutate(self, call: Call, caller: Caller) -> None:
        mutation = MutationCall(
            call.path,
            call.args,
            caller,
            lambda outcome, ts: call.answer(outcome),
            request_id=_request_id(call.request),
        )
        self._services.engine.mutate(mutation)

    def _act(self, call: Call, caller: Caller) -> None:
        engine, handle = self._services.engine, object()
        request_id = _request_id(call.request)
        engine.act(ActionCall(call.path, call.args, caller, call.answer, request_id, handle=handle))
        call.request.on_lost = partial(engine.cancel, handle, client_left=True)

    def _any(self, call: Call, caller: Caller) -> None:
        """Whatever the function at the path is."""
        kind = self._lookup(call.path, caller).kind
        match kind:
            case Kind.QUERY:
                self._query(call, caller)
            case Kind.MUTATION:
                self._mutate(call, caller)
            case Kind.ACTION:
                self._act(call, caller)
            case _:
                assert_never(kind)


def _body_of_url(url: bytes) -> FunctionRequest:
    """What GET /api/query has in its URL: `path`, `args` (JSON) and `format`."""
    fields = parse_qs(url.partition(b"?")[2].decode("latin-1"), keep_blank_values=True)
    if "path" not in fields:
        raise Refusal(400, "MissingIdentifier", "the URL must name a function: ?path=messages:list")
    args = fields.get("args", ["{}"])[-1] or "{}"
    return FunctionRequest(fields["path"][-1], raw_json(args), fields.get("format", [None])[-1])


def raw_json(text: str) -> msgspec.Raw:
    """JSON from a URL, checked: it is spliced into other JSON later."""
    try:
        return msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "BadJsonBody", f"`args` is not JSON: {error}") from None


def _request_id(request: Request) -> str | None:
    """The id that a caller chose for its request: 16 hexadecimal digits."""
    header = request.headers.get(b"convex-request-id")
    return None if header is None or _REQUEST_ID(header) is None else header.decode()
