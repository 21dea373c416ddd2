"""The receiving half of a session, and the session as a whole: one client's socket as a state machine.

States
    Before Connect, connected, closed. While a token is verified, a connected session keeps what arrives and works
    through it afterwards: messages are strictly serial, so that a mutation sent after a token runs as its user.

Rules of this file
    - No sockets, tasks or clocks of its own: messages come in by `receive`, time by `tick`, and all that goes out
      goes through `Delivery`, which knows the invariants of what clients are shown.
    - Nothing raises because of what a client sent: every message is answered, or ignored, or closes the socket.
    - FatalError stops npm clients for good, so it is for mistakes that they would only repeat. What may pass closes
      with 1013 (too much) or 1011 (the client's view of the session differs from ours); clients then come back.
    - What is wrong for one function only is that function's failure, and the socket lives on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, assert_never

from syncline.identity import Rejected, Unavailable, Verdict, Verified
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.protocol import (
    Action,
    Add,
    Authenticate,
    ClientMessage,
    ClientVersion,
    Connect,
    Event,
    ModifyQuerySet,
    Mutation,
    ProtocolError,
    decode_client_message,
    parse_path,
)

from .delivery import Delivery
from .identities import acting_identity
from .port import Services, SessionPort
from .requests import CALL_ERRORS, Requests, failure, one_object

_T = TypeVar("_T")

log = logging.getLogger("syncline.sync")

#: Refused queries are kept too; beyond so many times the limit the client is not to be helped.
_REFUSED = 2
_MINUTE = 60.0
#: As many arguments as this in every one of the queries are within the bound of all together.
_LONG_ARGUMENTS = 32 * 1024
_MAX_SKEW_MS = 10**15


class Session:
    """One socket of one client. All methods belong to the loop thread."""

    __slots__ = (
        "_address",
        "_administers",
        "_born",
        "_changes_free_at",
        "_delivery",
        "_inbox",
        "_inbox_bytes",
        "_minute",
        "_presented",
        "_requests",
        "_services",
        "_verifying",
    )

    def __init__(
        self,
        port: SessionPort,
        services: Services,
        client: ClientVersion | None,
        address: str | None = None,
        *,
        administers: bool = True,
    ) -> None:
        """`address`: what calls of nobody who is signed in count for; None: they are not counted.

        `administers`: whether admin keys count on this socket.
        """
        self._services = services
        self._administers = administers
        self._address = address
        self._delivery = Delivery(port, services, chunks=client is not None and client.supports_chunks)
        self._born = services.clock.monotonic()
        #: None -> what the client asks for under its session id: Connect.
        self._requests: Requests | None = None
        #: What arrived while a token is being verified.
        self._verifying = False
        self._inbox: list[bytes] = []
        self._inbox_bytes = 0
        #: How many tokens were presented since the beginning of the minute (monotonic seconds).
        self._presented = 0
        self._minute = self._born
        #: When all the changes of the query set that were used are available again (monotonic seconds).
        self._changes_free_at = self._born

    # What happens to a session

    def receive(self, raw: bytes) -> None:
        """A text frame has arrived."""
        if self._delivery.closed:
            return
        if self._verifying:
            self._put_aside(raw)
            return
        self._guarded(self._receive, raw)

    def receive_binary(self) -> None:
        """A binary frame has arrived."""
        self._delivery.fatal("Received a binary frame: every message is a text frame with one JSON object.")

    def drained(self) -> None:
        """The port has room again."""
        self._delivery.drained()

    def tick(self, now: float) -> None:
        """Time has passed: `now` is monotonic seconds. Call it about once a second."""
        delivery = self._delivery
        if delivery.closed:
            return
        if self._requests is None and now - self._born > self._services.limits.connect_seconds:
            delivery.close(1000, "ConnectTimeout")
            return
        delivery.ping(now)

    def disconnected(self) -> None:
        """The socket is gone."""
        self._delivery.disconnected()

    def close(self, code: int | None, reason: str) -> None:
        """End the session, for the server's own reasons."""
        self._delivery.close(code, reason)

    @property
    def closed(self) -> bool:
        return self._delivery.closed

    @property
    def busy(self) -> bool:
        """Whether the client waits for mutations or actions: a server that goes down lets them finish."""
        running = 0 if self._requests is None else self._requests.running
        return running > 0 or self._delivery.owes_answers

    # Messages

    def _receive(self, raw: bytes) -> None:
        limits = self._services.limits
        if len(raw) > (limits.frame_bytes_before_connect if self._requests is None else limits.frame_bytes):
            self._delivery.close(1009, "MessageTooLarge")
            return
        try:
            self._handle(decode_client_message(raw))
        except ProtocolError as error:
            self._delivery.fatal(str(error))

    def _handle(self, message: ClientMessage) -> None:
        requests = self._requests
        if requests is None:
            if not isinstance(message, Connect):
                name = type(message).__name__
                raise ProtocolError(f"Received {name} before Connect: Connect is the first message.")
            self._connect(message)
            return
        match message:
            case Mutation():
                requests.mutate(message)
            case ModifyQuerySet():
                self._modify(message)
            case Action():
                requests.act(message)
            case Authenticate():
                self._authenticate(message)
            case Event():
                pass
            case Connect():
                raise ProtocolError(
                    "Received Connect twice: it is the first message of a socket, and only that."
                )
            case _:
                assert_never(message)

    def _connect(self, message: Connect) -> None:
        delivery = self._delivery
        self._requests = Requests(message.session_id.bytes, delivery, self._services, self._address)
        # The timestamp that the client says it has seen is at or below the head, and so is taken care of by the floor
        # of its queries; or it is of another store, and means nothing here.
        if message.client_ts:
            skew = message.client_ts - self._services.clock.wall_ns() / 1e6
            if abs(skew) < _MAX_SKEW_MS:
                delivery.skew = round(skew)

    def _modify(self, message: ModifyQuerySet) -> None:
        delivery, live = self._delivery, self._services.live
        if message.base_version != delivery.received_query_set:
            raise ProtocolError(
                f"Base version {message.base_version} passed up doesn't match the current version "
                f"{delivery.received_query_set}"
            )
        if message.new_version <= message.base_version:
            raise ProtocolError(
                f"New version {message.new_version} isn't above the base version {message.base_version}"
            )
        if self._changes_too_much(len(message.modifications)):
            delivery.close(1013, "TooManyQueryChanges")
            return
        delivery.received_query_set = message.new_version
        delivery.due = True
        for modification in message.modifications:
            if isinstance(modification, Add):
                known = modification.query_id in delivery.queries
                if not known:
                    self._add(modification)
            else:
                subscription = delivery.queries.pop(modification.query_id, None)
                known = subscription is None
                if subscription is not None:
                    live.cancel(subscription)
                    delivery.removed.append(modification.query_id)
            if known:
                delivery.abort()
            if delivery.closed:
                return
        live.start()
        delivery.advance()

    def _changes_too_much(self, changes: int) -> bool:
        now = self._services.clock.monotonic()
        step = _MINUTE / self._services.limits.session_query_changes
        self._changes_free_at = max(self._changes_free_at, now) + max(1, changes) * step
        return self._changes_free_at > now + _MINUTE

    def _add(self, message: Add) -> None:
        delivery, live, limits = self._delivery, self._services.live, self._services.limits
        query_id, count = message.query_id, len(delivery.queries)
        path = parse_path(message.udf_path)
        # The client may have heard of anything that was acknowledged by now, over another socket or from somebody.
        delivery.floor = live.head
        try:
            limits.check("session_queries", count + 1, "Unsubscribe from queries that are not shown.")
            args = one_object(path, message.component_path, message.args)
            if len(args) > _LONG_ARGUMENTS:
                held = sum(len(each.args) for each in delivery.queries.values())
                remedy = "Unsubscribe from queries that are not shown, or send them less."
                limits.check("session_argument_bytes", held + len(args), remedy)
            self._services.count(delivery.caller, self._address)
        except CALL_ERRORS as error:
            if count >= _REFUSED * limits.session_queries:
                delivery.close(1013, "TooManyQueries")
                return
            refusal = failure(error, self._services)
            delivery.queries[query_id] = live.refuse(delivery, query_id, path, refusal)
        else:
            delivery.queries[query_id] = live.subscribe(delivery, query_id, path, args, message.journal)

    # Identity

    def _authenticate(self, message: Authenticate) -> None:
        delivery = self._delivery
        if message.base_version != delivery.received_identity:
            # The client's count differs from ours. Not FatalError: coming back, both start at 0.
            delivery.abort()
            return
        if self._presents_too_many():
            delivery.close(1013, "TooManyAuthentications")
            return
        match message.token_type:
            case "None":
                self._become(ANONYMOUS)
            case "Admin":
                self._become_admin(message)
            case "User":
                assert message.value is not None
                self._verifying = True
                self._services.verify_user(message.value, self._verified)
            case _:
                assert_never(message.token_type)

    def _presents_too_many(self) -> bool:
        now = self._services.clock.monotonic()
        if now - self._minute >= _MINUTE:
            self._minute, self._presented = now, 0
        self._presented += 1
        return self._presented > self._services.limits.session_authentications

    def _become_admin(self, message: Authenticate) -> None:
        assert message.value is not None
        grant = self._services.admin_grant(message.value, self._address, administers=self._administers)
        if grant is None:
            self._delivery.refuse_identity(
                "BadDeployKey: this is not the admin key of this deployment. It is in the data folder, unless the "
                "environment sets it.",
                attempted=True,
            )
            return
        acting_as = message.acting_as
        try:
            identity = None if acting_as is None else acting_identity(acting_as)
        except ValueError as error:
            self._delivery.refuse_identity(str(error), attempted=True)
            return
        self._become(replace(grant.caller, identity=identity), grant.verified)

    def _verified(self, verdict: Verdict) -> None:
        self._verifying = False
        self._guarded(self._judge, verdict)
        self._work_off()

    def _judge(self, verdict: Verdict) -> None:
        match verdict:
            case Verified(identity):
                if not self._delivery.closed:
                    self._become(Caller(identity), verdict)
            case Rejected(message):
                self._delivery.refuse_identity(message, attempted=True)
            case Unavailable(message):
                log.warning("a token could not be verified: %s", message)
                self._delivery.close(1013, "AuthProviderUnavailable")
            case _:
                assert_never(verdict)

    def _become(self, caller: Caller, verified: Verified | None = None) -> None:
        delivery, live = self._delivery, self._services.live
        delivery.become(caller, verified)
        delivery.received_identity += 1
        delivery.floor = live.head
        delivery.due = True
        for subscription in delivery.queries.values():
            live.recast(subscription)
        live.start()
        delivery.advance()

    def _put_aside(self, raw: bytes) -> None:
        self._inbox.append(raw)
        self._inbox_bytes += len(raw)
        if self._inbox_bytes > self._services.limits.frame_bytes:
            self._inbox.clear()
            self._delivery.close(1013, "TooManyMessages")

    def _work_off(self) -> None:
        while self._inbox and not self._verifying:
            inbox, self._inbox = self._inbox, []
            self._inbox_bytes = 0
            for raw in inbox:
                self.receive(raw)

    def _guarded(self, work: Callable[[_T], None], item: _T) -> None:
        """Whatever goes wrong in here ends this session alone, and its client comes back."""
        try:
            work(item)
        except Exception:
            log.exception("a session failed and is closed")
            self._delivery.abort()
