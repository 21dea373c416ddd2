"""Sessions, the model engine, slow and broken links, and clients that check everything: a world from one seed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import msgspec

from syncline.functions import MutationCall, Outcome, Success
from syncline.kernel.clock import SeededEntropy
from syncline.kernel.errors import RetentionError
from syncline.kernel.identity import ANONYMOUS
from syncline.kernel.limits import Limits
from syncline.sync import LiveQueries, Rejected, Services, Session, Unavailable, Verdict, Verified
from syncline.sync.delivery import SLOW_READER_BYTES
from syncline.values import decode_ts

from .model_app import GROUPS, NAMES, arguments
from .model_client import ModelClient, caller_of
from .model_engine import ModelEngine
from .simulation import Simulation
from .swallowed import nothing_swallowed


def without_request_id(outcome: Outcome) -> bytes:
    return outcome.value if isinstance(outcome, Success) else outcome.fingerprint


TOKENS = ("alice", "bob", None)
QUERIES = (
    "point",
    "point",
    "sum",
    "range",
    "mine",
    "sometimes",
    "odd",
    "page",
    "page",
    "vanishing",
    "internal",
)


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
        moves = any(message.startswith(b'{"type":"Transition"') for message in messages)
        assert not moves or self._unsent <= SLOW_READER_BYTES, "a slow reader was moved"
        for message in messages:
            self.world.note(message)
            # A few messages fill the buffer: what takes megabytes in the real world takes a handful here.
            size = 60_000 * self.world.scale
            self._unsent += size
            self._taken_at = max(self._taken_at, sim.now) + sim.random.expovariate(1.0 / self.pace)
            sim.after(self._taken_at - sim.now, partial(self._take, message, size))

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
        #: Writes that nobody here asks for, so many a second; and how much users like slow queries.
        self.storm = random.choice((0, 0, 100, 300))
        self.slow_share = random.choice((1, 1, 8))
        self.closes: list[tuple[int | None, str]] = []
        self.acknowledged = 0
        self.clients: list[ModelClient] = []
        self._links: dict[int, Link] = {}
        self._operations = 0
        self.sent_by: dict[str, tuple[ModelClient, str | None]] = {}
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
            link.session.disconnected()
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
            applied_at=self.engine.applied_at,
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
            (20, 12, 30, 3, 3, 5, 4, 20, 8),
        )[0]:
            case "watch" if len(client.wanted) < 12:
                client.watch(*self.random_query())
            case "unwatch" if client.wanted:
                client.unwatch(random.choice(list(client.wanted)))
            case "add":
                args = self._addition()
                # Whoever the client was when it sent it, which the server may still be finding out.
                self.sent_by[msgspec.json.decode(args)["op"]] = (client, client.token)
                client.request("Mutation", "m:add", args)
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
        watched = [held for client in self.clients for held in client.wanted.values()]
        if watched and self.sim.chance(0.5):
            path, args = (choice := self.sim.random.choice(watched)).path, choice.args
        caller = caller_of(self.sim.random.choice(TOKENS)) if self.sim.chance(0.7) else ANONYMOUS
        floor = self.acknowledged

        def done(outcome: Outcome, ts: int) -> None:
            assert ts == pinned if pinned is not None else ts >= floor, f"{ts} is older than {floor}"
            found = self.engine.history.evaluate(path, arguments(args), caller, ts, None)
            if path != "m:page":
                assert without_request_id(outcome) == without_request_id(found.outcome("")), (
                    f"R2: {path} at {ts}"
                )
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
        with nothing_swallowed():
            self._play()

    def _play(self) -> None:
        sim = self.sim
        for name in range(sim.random.randint(1, 5)):
            self.add_client(name + 1)
        for client in self.clients:
            for _ in range(sim.random.randint(5, 40)):
                sim.after(sim.random.uniform(0.0, 2.0), partial(self.random_step, client))
            if sim.chance(self.faults * 10):
                for _ in range(sim.random.randint(1, 4)):
                    sim.after(sim.random.uniform(0.0, 2.0), partial(self.cut, client))
        for _ in range(sim.random.choice((0, 0, 1, 2))):
            sim.after(sim.random.uniform(0.0, 2.0), self.engine.release)
        if self.storm:
            self._blow()
        if sim.chance(self.faults):
            sim.after(sim.random.uniform(0.5, 2.0), self.restart)
        for second in range(1, 3):
            sim.after(float(second), self._tick)
        sim.run(until=2.0)
        self.healed = True
        sim.run()
        self.check_at_rest()

    def endure(self) -> None:
        """Writes without a pause, and clients that watch all of it, slow queries too: nobody may fall behind."""
        sim = self.sim
        self.faults, self.storm, self.scale, self.pace = 0.0, 300, 0, 0.0001
        self.lag = dict.fromkeys(self.lag, 0.0) | {"news": 0.001, "jobs": 0.002, "answers": 0.001}
        sim.steady = True
        for name in range(1, 5):
            client = self.add_client(name)
            for group in GROUPS:
                args = msgspec.json.encode({"group": group})
                client.watch("m:sum", args)
                client.watch("m:page", msgspec.json.encode({"group": group, "size": 4}))
                if name % 2:
                    client.watch("m:slow", args)
        self._blow()
        past: list[int] = []
        for tick in range(1, 31):
            sim.run(until=tick / 10)
            past.append(self.engine.history.head)
            for client in self.clients:
                assert tick <= 6 or client.version[2] >= past[-6], "a client has fallen behind"
        self.healed = True
        sim.run()
        self.check_at_rest()

    def _blow(self) -> None:
        """One write of the storm, and the next one later."""
        if not self.healed:
            call = MutationCall("m:add", self._addition(), ANONYMOUS, lambda outcome, ts: None)
            self.engine.lane.append(call)
            self.engine.wake("lane", False)
            self.sim.after(self.sim.random.expovariate(self.storm), self._blow)

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
        if not self.faults and not self.closes:
            for op, (_, token) in self.sent_by.items():
                assert self.engine.applied_by[op] == caller_of(token), "a mutation ran as somebody else"
        self.sim.clock.advance(60.0)
        self.live.tick()
        for client in self.clients:
            self._links[client.name].session.disconnected()
        self.engine.release()
        self.sim.run()
        assert self.engine.open_rounds() == 0, "a round was never ended"
        stats = self.live.stats()
        assert (stats.subscriptions, stats.entries, stats.bytes) == (0, 0, 0), "something is left"
