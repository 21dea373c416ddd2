"""Sessions, the model engine, slow and broken links, and clients that check everything: a world from one seed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from syncline.functions import Outcome
from syncline.kernel.clock import SeededEntropy
from syncline.kernel.errors import RetentionError
from syncline.kernel.identity import ANONYMOUS
from syncline.kernel.limits import Limits
from syncline.sync import LiveQueries, Rejected, Services, Session, Unavailable, Verdict, Verified
from syncline.values import decode_ts

from .model_app import GROUPS, NAMES, arguments
from .model_client import ModelClient, caller_of
from .model_engine import ModelEngine
from .simulation import Simulation

TOKENS = ("alice", "bob", None)


@dataclass(eq=False)
class Link:
    """One socket: both directions, each in order, each with delays; and the server's port."""

    world: World
    client: ModelClient
    #: Seconds for a message to be taken by the peer; large for slow readers.
    pace: float
    open: bool = True
    session: Session = field(init=False)
    _unsent: int = 0
    _taken_at: float = 0.0
    _up_at: float = 0.0

    # The port

    def send(self, messages: list[bytes]) -> None:
        if not self.open:
            return  # The server has not noticed yet.
        sim = self.world.sim
        for message in messages:
            self.world.note(message)
            # A few messages fill the buffer: what takes megabytes in the real world takes a handful here.
            size = 60_000 * self.world.scale
            self._unsent += size
            self._taken_at = max(self._taken_at, sim.now) + sim.random.expovariate(1.0 / self.pace)
            sim.after(self._taken_at - sim.now, lambda message=message, size=size: self._take(message, size))  # type: ignore[misc]

    def close(self, code: int | None, reason: str) -> None:
        if not self.open:
            return
        self.world.closes.append((code, reason))
        sim = self.world.sim
        sim.after(max(self._taken_at - sim.now, 0.0), self.cut)

    def unsent_bytes(self) -> int:
        return self._unsent

    def _take(self, message: bytes, size: int) -> None:
        self._unsent -= size
        if self.open:
            self.client.receive(message)
            if self._unsent < 64_000:
                self.session.drained()

    # The client's side

    def up(self, message: bytes) -> None:
        sim = self.world.sim
        self._up_at = max(self._up_at, sim.now) + sim.random.expovariate(1.0 / self.world.latency)
        sim.after(self._up_at - sim.now, lambda: self._arrive(message))

    def _arrive(self, message: bytes) -> None:
        if self.open and not self.session.closed:
            self.session.receive(message)

    def cut(self) -> None:
        """The socket breaks: what is on its way is lost, and each side notices when it does."""
        if self.open:
            self.open = False
            self.client.disconnect()
            self.world.sim.soon(0.02, self.session.disconnected)
            self.world.sim.soon(0.02, lambda: self.world.connect(self.client))


class Swallowed(logging.Handler):
    """Errors that the server kept from its other clients, and which must not be there at all."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def check(self) -> None:
        for record in self.records:
            assert record.exc_info is not None and record.exc_info[1] is not None
            raise record.exc_info[1]


class World:
    def __init__(self, seed: int) -> None:
        self.sim = sim = Simulation(seed)
        random = sim.random
        self.engine = ModelEngine(seed)
        self.engine.wake = self._woken
        #: What one message weighs for slow readers.
        self.scale = random.choice((0, 1, 1, 3))
        self.latency = random.choice((0.0005, 0.005))
        self.pace = random.choice((0.0001, 0.002, 0.05))
        self.faults = random.choice((0.0, 0.0, 0.02, 0.1))
        self.lag = {
            "lane": random.choice((0.0005, 0.003)),
            "news": random.choice((0.0002, 0.002, 0.01)),
            "jobs": random.choice((0.0005, 0.003, 0.01)),
            "answers": random.choice((0.0002, 0.003)),
            "actions": 0.02,
            "acted": 0.001,
        }
        self.closes: list[tuple[int | None, str]] = []
        self.acknowledged = 0
        self.clients: list[ModelClient] = []
        self._links: dict[int, Link] = {}
        self._operations = 0
        self.reads = 0
        self.healed = False
        self.live = self._serve()

    def _serve(self) -> LiveQueries:
        limits = Limits(cache_bytes=self.sim.random.choice((0, 20_000, 10**6)), read_pins=3)
        live = LiveQueries(self.engine, self.sim.clock, limits)
        self.services = Services(
            live=live,
            engine=self.engine,
            clock=self.sim.clock,
            entropy=SeededEntropy(self.sim.seed),
            limits=limits,
            check_admin_key=lambda key: key == "key",
            verify_user=self._verify,
        )
        return live

    # The server's surroundings

    def _woken(self, place: str, slow: bool) -> None:
        engine, lag = self.engine, self.lag[place] * (20 if slow and place == "jobs" else 1)
        random = self.sim.random
        step: Callable[[], None] = {
            "lane": lambda: engine.step_lane(random.choice((1, 1, 2, 8))),
            "news": engine.step_news,
            "jobs": lambda: engine.step_reader(slow, random.choice((None, 1, 3))),
            "answers": lambda: engine.step_answers(slow),
            "actions": engine.step_actions,
            "acted": engine.step_acted,
        }[place]
        generation = self.live if hasattr(self, "live") else None

        def act() -> None:
            if generation is None or generation is self.live:
                step()

        self.sim.soon(lag, act)

    def _verify(self, token: str, done: Callable[[Verdict], None]) -> None:
        if token == "bad":
            verdict: Verdict = Rejected("Could not validate token: bad")
        elif self.sim.chance(0.02) and not self.healed:
            verdict = Unavailable("the provider does not answer")
        else:
            identity = caller_of(token).identity
            assert identity is not None
            verdict = Verified(identity)
        if self.sim.chance(0.5):
            done(verdict)
        else:
            self.sim.soon(0.01, lambda: done(verdict))

    def restart(self) -> None:
        """The server dies and comes back: sockets break, what was not durable is gone."""
        self.engine.restart()
        for link in list(self._links.values()):
            link.cut()
        self.live = self._serve()

    def note(self, message: bytes) -> None:
        """A message leaves the server: whatever timestamp it names may be known to all from now on."""
        json = msgspec.json.decode(message)
        if json["type"] == "Transition":
            self.acknowledged = max(self.acknowledged, decode_ts(json["endVersion"]["ts"]))
        elif json.get("ts"):
            self.acknowledged = max(self.acknowledged, decode_ts(json["ts"]))

    # Clients

    def add_client(self, name: int) -> ModelClient:
        client = ModelClient(
            name=name,
            history=self.engine.history,
            send=lambda message: self._links[name].up(message),
            python=self.sim.chance(0.3),
            seen_by_all=lambda: self.acknowledged,
        )
        self.clients.append(client)
        self.connect(client)
        return client

    def connect(self, client: ModelClient) -> None:
        slow = self.sim.chance(0.25) and not self.healed
        link = Link(self, client, self.pace * (20 if slow else 1))
        link.session = Session(link, self.services, None)
        self._links[client.name] = link
        client.connect()

    def cut(self, client: ModelClient) -> None:
        self._links[client.name].cut()

    # What users do

    def random_query(self) -> tuple[str, bytes]:
        random = self.sim.random
        path = random.choice(
            (
                "point",
                "point",
                "sum",
                "range",
                "mine",
                "sometimes",
                "odd",
                "page",
                "vanishing",
                "internal",
                "slow",
            )
        )
        args: dict[str, object] = {"group": random.choice(GROUPS)}
        if path == "range":
            args |= {"start": random.choice(NAMES[:4]), "stop": random.choice(NAMES[4:])}
        elif path == "page":
            args["size"] = float(random.choice((2, 4)))
        elif path not in ("sum", "slow"):
            args["name"] = random.choice(NAMES[:4])
        if self.sim.chance(0.1):
            args = dict(reversed(args.items()))  # The same arguments in other bytes.
        return f"m:{path}", msgspec.json.encode(args)

    def random_step(self, client: ModelClient) -> None:
        random = self.sim.random
        match random.choices(
            ("watch", "unwatch", "add", "noop", "fail", "act", "token", "fetch", "pin"),
            (20, 12, 30, 3, 3, 5, 4, 8, 2),
        )[0]:
            case "watch" if len(client.wanted) < 12:
                client.watch(*self.random_query())
            case "unwatch" if client.wanted:
                client.unwatch(random.choice(list(client.wanted)))
            case "add":
                client.request("Mutation", "m:add", self._addition())
            case "noop":
                client.request("Mutation", "m:noop", b"{}")
            case "fail":
                client.request("Mutation", "m:fail", b"{}")
            case "act":
                path = random.choice(("m:add_later", "m:act", "m:act_fail"))
                client.request("Action", path, self._addition())
            case "token":
                client.authenticate(random.choice((*TOKENS, "bad") if self.faults else TOKENS))
            case "fetch":
                self._fetch(None)
            case "pin":
                self.live.pin(lambda ts: self.sim.soon(0.05, lambda: self._fetch(ts)))
            case _:
                pass

    def _addition(self) -> bytes:
        random = self.sim.random
        self._operations += 1
        return msgspec.json.encode(
            {
                "group": random.choice(GROUPS),
                "name": random.choice(NAMES),
                "by": float(random.choice((1, 2, 10))),
                "op": str(self._operations),
            }
        )

    def _fetch(self, pinned: int | None) -> None:
        """Read once over HTTP, of the newest state or of a pinned one, and check the result."""
        path, args = self.random_query()
        caller = caller_of(self.sim.random.choice(TOKENS)) if self.sim.chance(0.7) else ANONYMOUS
        floor = self.acknowledged

        def done(outcome: Outcome, ts: int) -> None:
            assert ts == pinned if pinned is not None else ts >= floor, f"{ts} is older than {floor}"
            found = self.engine.history.evaluate(path, arguments(args), caller, ts, None)
            if path != "m:page":
                assert (
                    outcome.fingerprint == found.outcome("").fingerprint
                    if found.error
                    else outcome == found.outcome("")
                )  # type: ignore[union-attr]
            self.reads += 1
            self.acknowledged = max(self.acknowledged, ts)

        if pinned is None:
            self.live.fetch(path, args, caller, done)
            return
        with suppress(RetentionError):
            self.live.fetch_at(pinned, path, args, caller, done)

    # The whole

    def play(self) -> None:
        """Let clients do as they please for a while, with all that can go wrong; then heal, and check."""
        swallowed = Swallowed()
        logger = logging.getLogger("syncline.sync")
        logger.addHandler(swallowed)
        try:
            self._play()
        finally:
            logger.removeHandler(swallowed)
        swallowed.check()

    def _play(self) -> None:
        sim = self.sim
        for name in range(sim.random.randint(1, 5)):
            self.add_client(name + 1)
        for client in self.clients:
            for _ in range(sim.random.randint(5, 40)):
                sim.after(sim.random.uniform(0.0, 2.0), lambda client=client: self.random_step(client))  # type: ignore[misc]
            if sim.chance(self.faults * 10):
                for _ in range(sim.random.randint(1, 4)):
                    sim.after(sim.random.uniform(0.0, 2.0), lambda client=client: self.cut(client))  # type: ignore[misc]
        for _ in range(sim.random.choice((0, 0, 1, 2))):
            sim.after(sim.random.uniform(0.0, 2.0), self.engine.release)
        if sim.chance(self.faults):
            sim.after(sim.random.uniform(0.5, 2.0), self.restart)
        for second in range(1, 3):
            sim.after(float(second), self._tick)
        sim.run(until=2.0)
        self.healed = True
        sim.run()
        self.check_at_rest()

    def _tick(self) -> None:
        self.live.tick()
        for link in self._links.values():
            link.session.tick(self.sim.clock.monotonic())

    def check_at_rest(self) -> None:
        assert self.live.head == self.engine.history.head
        for client in self.clients:
            client.check_at_rest()
        operations = self.engine.applied
        if not any(client.python for client in self.clients):
            assert len(operations) == len(set(operations)), "R6: a mutation took effect twice"
        for _ in range(200):
            self.sim.clock.advance(60.0)
            self.live.tick()
        self.sim.run()
        assert self.engine.open_rounds() == 0, "a round was never ended"
        for client in self.clients:
            self._links[client.name].session.disconnected()
        stats = self.live.stats()
        assert stats.subscriptions == 0
