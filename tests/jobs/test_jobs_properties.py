"""Random worlds: whatever is scheduled, cancelled, failed, and restarted, each job has one end and one effect."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.applications import write_application
from support.jobs import JOBS
from support.lives import Process, World
from syncline.kernel.limits import Limits

TIGHT = Limits(scheduled_mutations_running=2, scheduled_actions_running=1, scheduled_queued=3)
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0, 5.0, 60.0])


class Scheduling(RuleBasedStateMachine):
    """Mutations whose texts are numbers, and a model: when each is due, and what must have become of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        write_application(Path(self.folder.name), jobs=JOBS)
        self.world = World(Path(self.folder.name))
        self.process = self.start()
        self.due: dict[str, tuple[int, str]] = {}  # job -> (ns, text) of those that are pending
        self.ended: dict[str, str] = {}
        self.effects: list[str] = []
        self.number = 0

    def start(self) -> Process:
        process = Process(self.world.store, self.world.clock, self.world.folder, TIGHT)
        process.begin()
        return process

    def schedule(self, path: str, seconds: float, prefix: str = "") -> None:
        self.number += 1
        text = f"{prefix}{self.number}"
        id = self.process.call(path, seconds=seconds, text=text)
        self.due[id] = self.world.clock.wall_ns() + int(seconds * 1e9), text

    @rule(seconds=SECONDS, count=st.integers(1, 6))
    def schedule_mutations(self, seconds: float, count: int) -> None:
        for _ in range(count):
            self.schedule("jobs:later", seconds)
        self.settle()

    @rule(seconds=SECONDS)
    def schedule_a_failing_one(self, seconds: float) -> None:
        self.schedule("jobs:later", seconds, "bad")
        self.settle()

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.due and not self.ended:
            return
        id = data.draw(st.sampled_from([*self.due, *self.ended]))
        self.process.call("jobs:cancel", id=id)
        if id in self.due:
            del self.due[id]
            self.ended[id] = "cancelled"

    @rule(seconds=SECONDS)
    def pass_time(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        self.settle()

    @rule(seconds=st.integers(-3600, 3600))
    def jump(self, seconds: int) -> None:
        clock = self.world.clock
        clock.jump(clock.wall_ns() + seconds * 10**9)
        self.settle()

    @rule()
    def restart(self) -> None:
        self.process.end()
        self.process = self.start()
        self.settle()

    @rule()
    def restart_in_the_middle(self) -> None:
        self.process.jobs.tick()
        self.process.end()
        self.process = self.start()
        self.settle()

    def settle(self) -> None:
        self.process.settle()
        now = self.world.clock.wall_ns()
        for id, (_, text) in sorted(self.due.items(), key=lambda item: item[1][0]):
            if self.due[id][0] <= now:
                del self.due[id]
                self.ended[id] = "failed" if text.startswith("bad") else "success"
                if self.ended[id] == "success":
                    self.effects.append(text)

    @invariant()
    def effects_are_those_of_the_model(self) -> None:
        texts = self.process.call("jobs:texts")
        assert sorted(texts) == sorted(self.effects)

    @invariant()
    def records_are_those_of_the_model(self) -> None:
        states = {job["_id"]: job["state"] for job in self.process.call("_system/jobs:list", limit=10_000)}
        assert states == {**dict.fromkeys(self.due, "pending"), **self.ended}

    def teardown(self) -> None:
        self.process.end()
        self.world.store.close()
        self.folder.cleanup()


TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
