"""The client's state machine against real sessions over the model engine, through a network that does what networks do.

`play` is one history from a seed: calls, queries, changes of the user, cut sockets, links that are dead without anybody
being told, servers that restart. What must hold is checked whenever a client is told something, and at the end:

    - what a client calls live is what the database holds at the client's timestamp;
    - a link is silent for so long at most before nothing is called live any more;
    - a mutation is applied once, in the order of the calls, as the user who called it, and seen when it is over;
    - every call ends, and once; in the end everything is current.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from syncline.client.calls import Call, CallKind
from syncline.client.connection import Connection, FatalProtocolError, RefusedError
from syncline.client.errors import AuthenticationError, ClientError, ConnectionLostError
from syncline.client.outcomes import Failed, Settled, Succeeded
from syncline.client.timing import Backoff, Liveness, Verdict
from syncline.client.watches import State, Watch
from syncline.kernel.clock import SeededEntropy
from syncline.kernel.limits import Limits
from syncline.protocol import ProtocolError
from syncline.sync import LiveQueries, Rejected, Services, Session, Verified
from syncline.sync import Verdict as TokenVerdict
from syncline.values import Value, encode_json

from .model_app import GROUPS, NAMES, arguments
from .model_client import caller_of
from .model_engine import ModelEngine
from .simulation import Simulation

PATIENCE = 8.0
TICK = 0.5
PING_SECONDS = 5.0


@dataclass(eq=False)
class Pipe:
    """One socket: two queues of messages, each with its own delays. It is the session's port too."""

    world: ClientWorld
    client: SimClient
    session: Session = field(init=False)
    #: The client / the server takes it for open.
    client_open: bool = True
    server_open: bool = True
    #: Nothing arrives, and nobody is told. The time since when.
    dead_since: float | None = None
    _down_at: float = 0.0
    _up_at: float = 0.0

    # The server's side

    def send(self, messages: list[bytes]) -> None:
        for message in messages:
            self._down(partial(self.client.receive, self, message))

    def close(self, code: int | None, reason: str) -> None:
        self.server_open = False
        self._down(lambda: self.client.lose(self, reason or f"closed with code {code}"))

    def unsent_bytes(self) -> int:
        return 0

    def ping(self) -> None:
        """The server pings, until it knows better."""
        if self.server_open:
            self._down(lambda: self.client.hear(self))
            self.world.sim.after(PING_SECONDS, self.ping)

    def _down(self, arrive: Callable[[], None]) -> None:
        sim = self.world.sim
        self._down_at = max(self._down_at, sim.now) + sim.random.expovariate(1 / self.world.latency)
        sim.after(self._down_at - sim.now, lambda: self._arrive_below(arrive))

    def _arrive_below(self, arrive: Callable[[], None]) -> None:
        if self.client_open and self.dead_since is None:
            self.client.hear(self)
            arrive()

    # The client's side

    def up(self, message: bytes | None) -> None:
        """A message, or a ping."""
        sim = self.world.sim
        self._up_at = max(self._up_at, sim.now) + sim.random.expovariate(1 / self.world.latency)
        sim.after(self._up_at - sim.now, lambda: self._arrive_above(message))

    def _arrive_above(self, message: bytes | None) -> None:
        if not self.server_open or self.dead_since is not None or self.session.closed:
            return
        if message is None:
            self._down(lambda: None)
        else:
            self.session.receive(message)

    # Faults

    def cut(self) -> None:
        """Each side notices when it does; what is on its way is lost, or arrives all the same."""
        sim = self.world.sim
        sim.soon(0.02, lambda: self.client.lose(self, "reset"))
        sim.soon(0.05, self.end)

    def end(self) -> None:
        if self.server_open:
            self.server_open = False
            self.session.disconnected()

    def die(self) -> None:
        if self.dead_since is None:
            self.dead_since = self.world.sim.now


class SimClient:
    """A client as `syncline.client.Client` drives its connection, and a user of it."""

    def __init__(self, world: ClientWorld, number: int) -> None:
        self.world = world
        self.number = number
        self.connection = Connection(
            UUID(int=number + 1), world.sim.clock, self._on_state, in_flight=world.in_flight
        )
        self.backoff = Backoff(SeededEntropy(world.sim.seed * 100 + number))
        self.pipe: Pipe | None = None
        self.liveness = Liveness(PATIENCE, 0.0)
        self.watches: list[Watch] = []
        #: Who calls are made as: what the last `authenticate` said.
        self.user: str | None = None
        #: Who queries run as.
        self.seen_as: str | None = None
        #: The `op` of each mutation that must take effect, with its user; in order.
        self.operations: list[tuple[str, str | None]] = []
        self.open_calls = 0
        self.lost_actions = 0
        self.refusals = 0
        self.open_switches = 0
        self.states: list[State] = []

    # The network

    def connect(self) -> None:
        if self.pipe is not None or self.connection.error is not None:
            return
        sim = self.world.sim
        if not self.world.healed and sim.chance(self.world.faults):
            self._try_again("refused")
            return
        self.pipe = pipe = self.world.accept(self)
        self.liveness = Liveness(PATIENCE, sim.now)
        self.connection.opened()
        self.flush()
        sim.after(TICK, lambda: self._check(pipe))

    def _try_again(self, reason: str) -> None:
        self.connection.lost(reason)
        self.world.sim.after(self.backoff.next_delay(), self.connect)

    def receive(self, pipe: Pipe, message: bytes) -> None:
        if pipe is not self.pipe:
            return
        try:
            self.connection.received(message)
        except RefusedError as refused:
            self.refusals += 1
            self.connection.stop(AuthenticationError(str(refused)))
            self.lose(pipe, "refused")
        except (FatalProtocolError, ProtocolError) as error:
            raise AssertionError(f"seed {self.world.sim.seed}: {error}: {message!r}") from error
        else:
            self.flush()
            self.check()

    def hear(self, pipe: Pipe) -> None:
        if pipe is self.pipe:
            self.liveness.heard(self.world.sim.now)

    def lose(self, pipe: Pipe, reason: str) -> None:
        if pipe is self.pipe:
            pipe.client_open = False
            self.pipe = None
            if self.connection.error is None:
                self._try_again(reason)
            assert not any(watch.state == "live" for watch in self.watches)

    def _check(self, pipe: Pipe) -> None:
        if pipe is not self.pipe:
            return
        sim = self.world.sim
        verdict = self.liveness.check(sim.now)
        if verdict is Verdict.DEAD:
            assert pipe.dead_since is not None, f"seed {sim.seed}: a link that lives was given up"
            assert sim.now - pipe.dead_since <= 10.0, f"seed {sim.seed}: noticed too late"
            self.lose(pipe, "no sign of life")
            return
        if verdict is Verdict.PING:
            pipe.up(None)
        sim.after(TICK, lambda: self._check(pipe))

    def flush(self) -> None:
        if self.pipe is not None:
            for message in self.connection.take():
                self.pipe.up(message)

    # What must hold

    def check(self) -> None:
        """What is called live is so."""
        history, ts = self.world.engine.history, self.connection.ts
        for watch in self.watches:
            if watch.state == "live":
                expected = history.evaluate(
                    watch.path, arguments(watch.args), caller_of(self.seen_as), ts, watch.journal
                )
                outcome = expected.outcome("0" * 16)
                if isinstance(watch.answer, Failed):
                    assert isinstance(expected.error, Exception), watch
                    assert watch.answer.data == outcome.data, watch  # type: ignore[union-attr]  # a Failure then
                else:
                    assert isinstance(watch.answer, Succeeded), watch
                    assert watch.answer.value == outcome.value, watch  # type: ignore[union-attr]  # a Success then

    def _on_state(self, state: State, reason: str) -> None:
        self.states.append(state)
        if state == "live":
            self.backoff.succeeded()

    # The user

    def act(self) -> None:
        sim = self.world.sim
        if self.connection.error is not None:
            self.authenticate(sim.random.choice((None, "ada", "bob")))
            return
        kind = sim.random.choices(
            ("add", "noop", "fail", "watch", "unwatch", "action", "authenticate", "abandon"),
            (12, 1, 2, 4, 3, 3, self.world.restless, 1),
        )[0]
        group, name = sim.random.choice(GROUPS), sim.random.choice(NAMES)
        if kind in ("add", "abandon"):
            self._add(group, name, abandoned=kind == "abandon")
        elif kind in ("noop", "fail"):
            self._call("mutation", f"m:{kind}", {"group": group}, fails=kind == "fail")
        elif kind == "action":
            self._call("action", sim.random.choice(("m:act", "m:refuse")), {}, fails=None)
        elif kind == "watch" and len(self.watches) < 12:
            path = sim.random.choice(("m:sum", "m:point", "m:mine", "m:odd", "m:page", "m:range", "m:slow"))
            args = encode_json({"group": group, "name": name, "start": "00", "stop": "05", "size": 3.0})
            self.watches.append(self.connection.watch(path, args, lambda: None))
        elif kind == "unwatch" and self.watches:
            self.connection.unwatch(self.watches.pop(sim.random.randrange(len(self.watches))))
        elif kind == "authenticate":
            self.authenticate(sim.random.choice((None, "ada", "bob", "bad")))
        self.flush()

    def authenticate(self, token: str | None) -> None:
        if self.connection.error is not None:
            self.connection.resume()
            self.user = None
        self.user = token

        def begun() -> None:
            # Queries show the one user or the other, until it is done.
            self.seen_as = token
            for watch in self.watches:
                if watch.path == "m:mine":
                    self.connection.unwatch(watch)
            self.watches = [watch for watch in self.watches if watch.path != "m:mine"]

        def done(error: ClientError | None) -> None:
            self.open_switches -= 1
            assert error is None or isinstance(error, AuthenticationError)

        self.open_switches += 1
        self.connection.authenticate(token, begun, done)
        self.flush()
        self.connect()

    def _add(self, group: str, name: str, *, abandoned: bool) -> None:
        op = f"{self.number}-{self.world.new_operation()}"
        user = self.user
        args: dict[str, Value] = {
            "group": group,
            "name": name,
            "by": float(self.world.sim.random.randint(1, 5)),
            "op": op,
        }
        applied = self.world.engine.applied

        def over(settled: Settled) -> None:
            if isinstance(settled, AuthenticationError):
                return  # Whether it has run nobody knows.
            assert isinstance(settled, Succeeded), settled
            assert applied.count(op) == 1
            assert self.world.engine.applied_by[op] == caller_of(user)
            if self.connection.state == "live":
                assert self.connection.ts >= self.world.engine.applied_at[op], "not seen when it was over"
            self.operations.append((op, user))

        call = self._call("mutation", "m:add", args, over=over)
        if abandoned:
            self.world.sim.soon(0.01, lambda: self._abandon(call))

    def _abandon(self, call: Call) -> None:
        if call.result is None and call.request_id in self.world.open_ids[self.number]:
            self.world.open_ids[self.number].discard(call.request_id)
            self.open_calls -= 1
            self.connection.abandon(call)
            self.flush()

    def _call(
        self,
        kind: CallKind,
        path: str,
        args: Mapping[str, Value],
        *,
        fails: bool | None = False,
        over: Callable[[Settled], None] | None = None,
    ) -> Call:
        self.open_calls += 1
        calls: list[Call] = []

        def done(settled: Settled) -> None:
            self.open_calls -= 1
            ids = self.world.open_ids[self.number]
            assert calls[0].request_id in ids, "a call was over twice"
            ids.discard(calls[0].request_id)
            if isinstance(settled, ConnectionLostError):
                assert kind == "action"
                self.lost_actions += 1
            elif over is not None:
                over(settled)
            elif not isinstance(settled, AuthenticationError):
                assert fails is None or isinstance(settled, Failed) is fails, settled

        call = self.connection.call(kind, path, encode_json(dict(args)), done)
        calls.append(call)
        self.world.open_ids[self.number].add(call.request_id)
        return call


class ClientWorld:
    def __init__(self, seed: int) -> None:
        self.sim = sim = Simulation(seed)
        self.engine = ModelEngine(seed)
        self.latency = sim.random.choice((0.0005, 0.005, 0.05))
        self.faults = sim.random.choice((0.0, 0.05, 0.2))
        self.restless = sim.random.choice((0, 1))
        self.in_flight = sim.random.choice((1, 3, 100))
        self.healed = False
        self.pipes: deque[Pipe] = deque(maxlen=200)
        self.open_ids: dict[int, set[int]] = {number: set() for number in range(3)}
        self._operations = 0
        self._serve()
        self.clients = [SimClient(self, number) for number in range(sim.random.choice((1, 2, 3)))]

    def _serve(self) -> None:
        limits = Limits()
        self.live = live = LiveQueries(self.engine, self.sim.clock, limits)
        self.services = Services(
            live=live,
            engine=self.engine,
            clock=self.sim.clock,
            entropy=SeededEntropy(self.sim.seed),
            limits=limits,
            check_admin_key=lambda key: False,
            verify_user=self._verify,
        )

        def woken(place: str, slow: bool) -> None:
            step = {
                "lane": lambda: self.engine.step_lane(self.sim.random.choice((1, 2, 8))),
                "news": self.engine.step_news,
                "jobs": lambda: self.engine.step_reader(slow),
                "answers": lambda: self.engine.step_answers(slow),
                "actions": self.engine.step_actions,
                "acted": self.engine.step_acted,
            }[place]
            # What a server has begun dies with it.
            self.sim.soon(0.003, lambda: step() if live is self.live else None)

        self.engine.wake = woken

    def _verify(self, token: str, done: Callable[[TokenVerdict], None]) -> None:
        identity = caller_of(token).identity
        assert identity is not None
        verdict: TokenVerdict = Rejected("bad token") if token == "bad" else Verified(identity)
        self.sim.soon(0.01, lambda: done(verdict))

    def new_operation(self) -> int:
        self._operations += 1
        return self._operations

    def accept(self, client: SimClient) -> Pipe:
        pipe = Pipe(self, client)
        pipe.session = Session(pipe, self.services, None)
        pipe.ping()
        self.pipes.append(pipe)
        return pipe

    def restart(self) -> None:
        """The server dies, and another one is there at once."""
        for pipe in self.pipes:
            if pipe.server_open:
                pipe.server_open = False
                self.sim.soon(0.02, partial(pipe.client.lose, pipe, "reset"))
        self.engine.restart()
        self._serve()

    def play(self, seconds: float = 40.0) -> None:
        sim = self.sim
        for client in self.clients:
            sim.soon(0.1, client.connect)
            self._users(client, seconds)
        if self.faults:
            self._trouble(seconds)
        sim.run(seconds)
        self._heal()
        sim.run(seconds + 40.0)
        for client in self.clients:
            if client.connection.error is not None or client.user == "bad":
                client.authenticate(None)
        sim.run(seconds + 80.0)
        self._check_end()

    def _users(self, client: SimClient, until: float) -> None:
        def act() -> None:
            if self.sim.now < until:
                client.act()
                self.sim.soon(0.3, act)

        self.sim.soon(0.3, act)

    def _trouble(self, until: float) -> None:
        def strike() -> None:
            if self.sim.now >= until:
                return
            kind = self.sim.random.choices(("cut", "die", "restart"), (8, 2, 1))[0]
            open_pipes = [pipe for pipe in self.pipes if pipe.client_open]
            if kind == "restart":
                self.restart()
            elif open_pipes:
                pipe = self.sim.random.choice(open_pipes)
                (pipe.cut if kind == "cut" else pipe.die)()
            self.sim.soon(0.5 / self.faults / 5, strike)

        self.sim.soon(0.5, strike)

    def _heal(self) -> None:
        self.healed = True

    def _check_end(self) -> None:
        applied = self.engine.applied
        assert len(applied) == len(set(applied)), "a mutation was applied twice"
        places = {op: place for place, op in enumerate(applied)}
        for client in self.clients:
            assert client.connection.state == "live", client.connection.state
            assert client.open_calls == 0, client.open_calls
            assert client.open_switches == 0
            order = [places[op] for op, _ in client.operations]
            assert order == sorted(order), "mutations were applied out of order"
            client.check()
            for watch in client.watches:
                assert watch.state == "live", watch
            assert client.connection.ts <= self.engine.history.head
            current = self.engine.history.evaluate
            for watch in client.watches:
                if watch.path in ("m:sum", "m:point", "m:mine"):
                    value = current(watch.path, arguments(watch.args), caller_of(client.seen_as)).value
                    assert watch.answer == Succeeded(encode_json(value)), watch
