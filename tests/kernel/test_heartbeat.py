"""What a process shows its supervisor, and how a stuck one is recognised."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from syncline.kernel.heartbeat import Heartbeat, Pulse, Running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "heartbeat"


def test_what_a_thread_runs_is_seen_from_outside(file: Path) -> None:
    watching = Heartbeat.create(file)
    shown = Heartbeat.attach(file)
    slot = shown.slot()
    assert slot is not None
    shown.beat(5.0)
    slot.start(b"messages:send", 5.0, 6.0)
    assert watching.read() == Pulse(os.getpid(), 5.0, (Running("messages:send", 5.0, 6.0),))
    slot.start(b"a:b", 7.0, 8.0)
    assert watching.read().running == (Running("a:b", 7.0, 8.0),)
    action = shown.slot(vital=False)
    assert action is not None
    action.start(b"c:d", 7.0, 8.0)
    assert watching.read().running[1] == Running("c:d", 7.0, 8.0, vital=False)
    action.release()
    slot.stop()
    assert watching.read().running == ()
    slot.release()
    shown.close()
    watching.close()


def test_slots_are_reused_and_names_cut_to_fit(file: Path) -> None:
    heartbeat = Heartbeat.create(file)
    slots = [heartbeat.slot() for _ in range(64)]
    assert heartbeat.slot() is None, "more threads than slots are simply not shown"
    last = slots.pop()
    assert last is not None
    last.release()
    again = heartbeat.slot()
    assert again is not None
    again.start("ü".encode() * 200, 1.0, 2.0)
    assert heartbeat.read().running[0].path.startswith("üü")
    for slot in [*slots, again]:
        assert slot is not None
        slot.release()
    heartbeat.close()


def test_attaching_forgets_what_an_earlier_process_left(file: Path) -> None:
    old = Heartbeat.create(file)
    slot = old.slot()
    assert slot is not None
    slot.start(b"a:b", 1.0, 2.0)
    new = Heartbeat.attach(file)
    assert new.read().running == ()
    slot.release()
    old.close()
    new.close()


def test_another_file_is_not_taken_for_a_heartbeat(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="is not a heartbeat file"):
        Heartbeat.open(other)


SLOW = Running("a:slow", 10.0, 11.0)
ACTION = Running("b:action", 0.0, 600.0, vital=False)


@pytest.mark.parametrize(
    ("beat", "running", "now", "expected"),
    [
        (11.9, (SLOW,), 11.9, None),
        (12.1, (SLOW,), 12.1, SLOW),
        (12.1, (ACTION, SLOW), 12.1, SLOW),
        (10.0, (ACTION, SLOW), 11.9, None),
        (10.0, (ACTION,), 12.1, ACTION),
        (10.0, (ACTION, SLOW), 12.05, SLOW),
        (10.0, (), 100.0, None),
        (0.0, (), 100.0, None),
        (9999.0, (ACTION,), 9999.0, None),
    ],
)
def test_a_stuck_process_is_recognised(
    beat: float, running: tuple[Running, ...], now: float, expected: Running | None
) -> None:
    assert Pulse(1, beat, running).stuck(now, silence=2.0) == expected


def test_a_silent_process_is_recognised_without_any_function() -> None:
    assert Pulse(1, 10.0, ()).silent(12.5, 2.0)
    assert not Pulse(1, 10.0, ()).silent(11.5, 2.0)
    assert not Pulse(1, 0.0, ()).silent(100.0, 2.0), "it has not begun to beat"


def test_a_process_that_holds_the_interpreter_is_named_from_outside(file: Path) -> None:
    """A regular expression that never ends stops every thread of its process, but not the reader of its memory."""
    watching = Heartbeat.create(file)
    script = textwrap.dedent(f"""
        import re
        from pathlib import Path
        from syncline.functions import WATCHDOG, Deadline
        from syncline.kernel.heartbeat import Heartbeat
        WATCHDOG.attach(Heartbeat.attach(Path({str(file)!r})))
        Deadline().run(0.1, b"search:find", re.match, "(a+)+$", "a" * 60 + "b")
    """)
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        try:
            started = None
            while started is None:
                pulse = watching.read()
                if pulse.running:
                    started = pulse.running[0]
                assert process.poll() is None
            # Some later moment of its clock: it has no way to say anything new.
            stuck = watching.read().stuck(started.started + 0.3, silence=10.0)
            assert stuck is not None
            assert stuck.path == "search:find"
            assert watching.read().pid == process.pid
        finally:
            process.kill()
    watching.close()
