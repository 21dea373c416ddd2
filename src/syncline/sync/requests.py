"""The mutations and actions of a session: to the engine, and their responses back.

Mutations go to the commit lane in the order in which they came, each with the identity as of its receipt. The lane
is first in, first out and remembers (session, request): a replay, even one that arrives while the original is still
in the lane, gets the recorded result with its original timestamp.
"""

from __future__ import annotations

from functools import partial

import msgspec

from syncline.functions import (
    ActionCall,
    Failure,
    MutationCall,
    Outcome,
    Success,
    make_failure,
    new_request_id,
    request_id_for,
)
from syncline.kernel.errors import ArgumentError, FunctionNotFoundError, LimitError, OverloadedError
from syncline.protocol import (
    Action,
    Mutation,
    action_failed,
    action_response,
    argument_object,
    display_path,
    mutation_failed,
    mutation_response,
    parse_path,
)

from .delivery import Delivery
from .port import Services

#: What is wrong with one call only, so that it becomes that call's failure.
CALL_ERRORS = (ArgumentError, FunctionNotFoundError, LimitError, OverloadedError)


class Requests:
    """What a client has asked for and not been answered."""

    __slots__ = ("_actions", "_address", "_delivery", "_mutations", "_services", "_session")

    def __init__(
        self, session: bytes, delivery: Delivery, services: Services, address: str | None = None
    ) -> None:
        self._address = address
        self._session = session
        self._delivery = delivery
        self._services = services
        self._mutations = 0
        self._actions: set[int] = set()  # numbers of their requests
        delivery.on_closed = self._left

    @property
    def running(self) -> int:
        return self._mutations + len(self._actions)

    def mutate(self, message: Mutation) -> None:
        """Raises PathError."""
        delivery, request = self._delivery, message.request_id
        path = parse_path(message.udf_path)
        if not delivery.check_identity():
            return
        if self._mutations >= self._services.limits.session_mutations:
            delivery.close(1013, "TooManyConcurrentMutations")
            return
        self._mutations += 1
        done = partial(self._mutated, request)
        try:
            args = one_object(path, message.component_path, message.args)
            self._services.count(delivery.caller, self._address)
            call = MutationCall(path, args, delivery.caller, done, self._session, request)
            self._services.engine.mutate(call)
        except CALL_ERRORS as error:
            done(failure(error, self._services, request_id_for(self._session, request)), None)

    def act(self, message: Action) -> None:
        """Raises PathError."""
        delivery, request = self._delivery, message.request_id
        path = parse_path(message.udf_path)
        if not delivery.check_identity():
            return
        if len(self._actions) >= self._services.limits.session_actions:
            delivery.close(1013, "TooManyConcurrentActions")
            return
        self._actions.add(request)
        done = partial(self._acted, request)
        request_id = request_id_for(self._session, request)
        try:
            args = one_object(path, message.component_path, message.args)
            self._services.count(delivery.caller, self._address)
            handle = self._session, request
            self._services.engine.act(
                ActionCall(path, args, delivery.caller, done, request_id, handle=handle)
            )
        except CALL_ERRORS as error:
            done(failure(error, self._services, request_id))

    def _left(self) -> None:
        """The client has gone: actions that are declared so end with it."""
        for request in self._actions:
            self._services.engine.cancel((self._session, request), client_left=True)

    def _mutated(self, request: int, outcome: Outcome, ts: int | None) -> None:
        self._mutations -= 1
        if self._delivery.closed:
            return
        if isinstance(outcome, Success):
            assert ts is not None
            message = mutation_response(request, outcome.value, ts, outcome.log_lines)
            self._delivery.answer(message, ts, urgent=False)
        else:
            message = mutation_failed(request, outcome.message, outcome.log_lines, outcome.data)
            self._delivery.answer(message, 0, urgent=True)

    def _acted(self, request: int, outcome: Outcome) -> None:
        self._actions.discard(request)
        if self._delivery.closed:
            return
        if isinstance(outcome, Success):
            message = action_response(request, outcome.value, outcome.log_lines)
        else:
            message = action_failed(request, outcome.message, outcome.log_lines, outcome.data)
        # Whatever mutations the action has run are known here: the transition shall show them.
        self._delivery.answer(message, self._services.live.head, urgent=True)


def one_object(path: str, component: str | None, args: msgspec.Raw) -> bytes:
    """The arguments of a call. Raises one of CALL_ERRORS."""
    if component:
        # There are none, so that the answer is the one for every function that is not there.
        raise FunctionNotFoundError(
            f"Could not find public function for '{display_path(path)}' in '{component}'."
        )
    return argument_object(args)


def failure(
    error: ArgumentError | FunctionNotFoundError | LimitError | OverloadedError,
    services: Services,
    request_id: str | None = None,
) -> Failure:
    """What the client is told of a call that was refused before it ran."""
    if request_id is None:
        request_id = new_request_id(services.entropy)
    return make_failure(error, request_id=request_id, redact=services.redact, raised_by_function=False)
