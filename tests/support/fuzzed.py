"""A server that is fuzzed, and what must hold whatever it is sent."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from .conformance import Listener
from .restartable import RestartableServer
from .sockets import SyncSocket

#: Examples take as long as the server takes.
FUZZING = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

#: Of the canary's document: no example uses it.
_NAME = "the canary's own"


class Target:
    """`check` asserts that a well-behaved client notices nothing and that the server met nothing unexpected."""

    def __init__(self, server: RestartableServer) -> None:
        self.server = server
        self.port = server.port
        self._canary = SyncSocket(server.port)
        self._listener = Listener()
        self._requests = 0
        self._read = 0

    def __enter__(self) -> Target:
        self._canary.connect()
        self._canary.subscribe(0, "things:newest", name=_NAME)
        assert self._hear_value() is None
        return self

    def __exit__(self, *_: object) -> None:
        self._canary.__exit__()

    def check(self) -> None:
        """Write, and see it in the live query, over a socket that is open since the beginning."""
        self._requests += 1
        self._canary.mutate(self._requests, "things:put", name=_NAME, value=self._requests)
        assert self._hear_value() == self._requests
        log = self.server.log
        new, self._read = log[self._read :], len(log)
        assert "Traceback" not in new and "died" not in new, new

    def _hear_value(self) -> object:
        """The next value of the canary's query. A response, if there is one to come, comes before it."""
        while True:
            message = self._canary.receive()
            self._listener.hear(message)
            for modification in message.get("modifications", ()):
                return modification["value"]
