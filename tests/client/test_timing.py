"""When a socket is given up, and when the next one is tried."""

from __future__ import annotations

import pytest

from syncline.client.timing import Backoff, Liveness, Verdict
from syncline.kernel.clock import SeededEntropy


def verdicts(liveness: Liveness, start: float, stop: float, step: float = 0.5) -> list[tuple[float, Verdict]]:
    """What is not fine, at which time."""
    times = [start + step * number for number in range(int((stop - start) / step) + 1)]
    found = [(now, liveness.check(now)) for now in times]
    return [(now, verdict) for now, verdict in found if verdict is not Verdict.FINE]


def test_a_silent_link_is_pinged_and_given_up_within_ten_seconds() -> None:
    told = verdicts(Liveness(8.0, 100.0), 100.0, 110.0)
    assert [verdict for _, verdict in told][:3] == [Verdict.PING, Verdict.PING, Verdict.DEAD]
    assert told[0][0] <= 103.0
    assert told[2][0] <= 108.5


def test_whatever_comes_keeps_a_link_alive() -> None:
    liveness = Liveness(8.0, 0.0)
    for second in range(0, 100, 5):
        liveness.heard(float(second))
        assert all(verdict is Verdict.PING for _, verdict in verdicts(liveness, second, second + 4.5))


def test_a_program_that_was_busy_does_not_blame_the_link() -> None:
    liveness = Liveness(8.0, 0.0)
    assert verdicts(liveness, 0.0, 3.0) == [(3.0, Verdict.PING)]
    liveness.heard(3.1)
    # Nothing is looked at for a minute.
    assert liveness.check(60.0) is Verdict.PING
    assert liveness.check(60.5) is Verdict.FINE
    assert liveness.check(64.0) is Verdict.DEAD


@pytest.mark.parametrize("seed", range(5))
def test_delays_double_up_to_a_bound_and_differ_between_clients(seed: int) -> None:
    backoff = Backoff(SeededEntropy(seed))
    delays = [backoff.next_delay() for _ in range(30)]
    for number, delay in enumerate(delays):
        expected = min(10.0, 0.1 * 2**number)
        assert 0.5 * expected <= delay <= 1.5 * expected
    assert delays[0] != Backoff(SeededEntropy(seed + 1)).next_delay()
    backoff.succeeded()
    assert backoff.next_delay() <= 0.15
    backoff.succeeded()
    assert backoff.next_delay(overloaded=True) >= 1.0
