"""A real server, real sockets, cut cables and kill -9: what clients saw has one explanation.

R1 to R6 are the promises to clients. R1: versions chain, and time never goes back. R2: all that is shown at one
moment is the state of one timestamp. R3: who was answered sees the write. R4: when faults end, everybody sees the
newest state. R5: nobody sees what is another's. R6: what was sent again took effect once. The histories also have
to be strictly serializable, subscriptions included.
"""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from support.history import Anomaly
from support.restartable import RestartableServer
from support.scenario import Dose, Recording, record
from support.serializability import check
from support.snapshots import check_snapshots

BACKEND = Path(__file__).parent / "backend"


@pytest.fixture(scope="module")
def recording(server: RestartableServer) -> Recording:
    return record(server, 1, Dose(sockets=6, callers=2, operations=100, rounds=1))


def test_the_run_had_faults_of_every_kind(recording: Recording) -> None:
    counts = recording.counts
    assert counts["kills"] == 2 and counts["cuts"] >= 4, counts
    assert counts["connections"] >= 30 and counts["replays"] >= 1 and counts["unknown"] >= 1, counts
    assert counts["ok"] >= 200 and counts["failed"] >= 5 and counts["transitions"] >= 200, counts


def test_the_history_is_strictly_serializable_and_replays_took_effect_once(recording: Recording) -> None:
    """With R5: a user's own list is a list like others, in which somebody else's number would come from nowhere."""
    assert shown(check(recording.history)) == ""


def test_every_transition_shows_the_state_of_its_timestamp(recording: Recording) -> None:
    """R2."""
    assert shown(check_snapshots(recording.history)) == ""


def test_no_client_was_told_what_contradicts_what_it_knew(recording: Recording) -> None:
    """R1, R3, R6."""
    assert "\n".join(recording.violations) == ""


def test_everybody_saw_the_newest_state_in_the_end(recording: Recording) -> None:
    """R4."""
    assert "\n".join(recording.behind) == ""


def test_the_server_met_nothing_that_it_did_not_expect(recording: Recording) -> None:
    assert "Traceback" not in recording.log


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 8))
def test_long_histories_hold_too(tmp_path: Path, seed: int) -> None:
    with RestartableServer(BACKEND, tmp_path) as server:
        judge(record(server, seed, Dose(sockets=8, callers=3, operations=500, rounds=4)))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 5))
def test_histories_hold_while_the_code_is_saved_again_and_again(tmp_path: Path, seed: int) -> None:
    backend = tmp_path / "backend"
    copytree(BACKEND, backend, ignore=ignore_patterns("__pycache__"))
    with RestartableServer(backend, tmp_path, mode="dev") as server:
        recording = record(server, seed, Dose(8, 3, 300, 2), backend / "lists.py")
    judge(recording)
    assert recording.log.count("  reload  ") >= 4, recording.log


def judge(recording: Recording) -> None:
    assert shown(check(recording.history)) == ""
    assert shown(check_snapshots(recording.history)) == ""
    assert recording.violations + recording.behind == []
    assert "Traceback" not in recording.log


def shown(anomalies: list[Anomaly]) -> str:
    return "\n".join(map(str, anomalies))
