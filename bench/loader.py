"""Run the load generator (bench/load) beside a server and read what it measured."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.machine import CpuTimes, cpu_times
from bench.server import LOAD_CORE, Server, pinned

BINARY = Path(__file__).resolve().parent / "bin" / "load"


class Distribution(msgspec.Struct, frozen=True):
    """Times in microseconds."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Measured(msgspec.Struct, frozen=True):
    """One window of load. CPU times are microseconds of all threads, user and system."""

    seconds: float
    server_cpu_us: float
    load_cpu_us: float
    received_bytes: int
    failures: int
    repeated_updates: int
    empty_transitions: int
    update_bytes: float
    request_us: Distribution
    delivery_us: Distribution
    last_delivery_us: Distribution
    #: Shares of the machine's CPU time: what the hypervisor gave to others, and what other processes here used.
    steal: float = 0.0
    elsewhere: float = 0.0

    @property
    def rate(self) -> float:
        return self.request_us.count / self.seconds

    @property
    def delivery_rate(self) -> float:
        return self.delivery_us.count / self.seconds

    @property
    def server_busy(self) -> float:
        """Cores that the server used."""
        return self.server_cpu_us / 1e6 / self.seconds

    @property
    def load_busy(self) -> float:
        return self.load_cpu_us / 1e6 / self.seconds


def run(server: Server, **options: object) -> Measured:
    """One `load run`. Options are those of bench/load/main.c, with `_` for `-`."""
    before = Usage.read(server)
    finished = subprocess.run(_command("run", server, options), capture_output=True, check=False)
    after = Usage.read(server)
    if finished.returncode:
        raise RuntimeError(f"{finished.stderr.decode().strip()}\n{server.log()}")
    measured = msgspec.json.decode(finished.stdout, type=Measured)
    steal, elsewhere = after.shares_since(before)
    return msgspec.structs.replace(measured, steal=steal, elsewhere=elsewhere)


@dataclass(frozen=True)
class Usage:
    """CPU seconds so far: of the machine, and of the server and the load generators that ended."""

    machine: CpuTimes
    ours: float

    @classmethod
    def read(cls, server: Server) -> Usage:
        children = os.times()
        return cls(cpu_times(), server.cpu_seconds() + children.children_user + children.children_system)

    def shares_since(self, before: Usage) -> tuple[float, float]:
        """(steal, use by other processes) as shares of all CPU time since then."""
        total = self.machine.total - before.machine.total
        others = (self.machine.busy - before.machine.busy) - (self.ours - before.ours)
        return (self.machine.steal - before.machine.steal) / total, max(0.0, others / total)


@contextmanager
def idle(server: Server, **options: object) -> Generator[None]:
    """Hold connections open: `load idle`."""
    process = subprocess.Popen(
        _command("idle", server, options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            assert process.stderr is not None
            raise RuntimeError(f"{process.stderr.read().decode().strip()}\n{server.log()}")
        yield
        assert process.stdin is not None
        process.stdin.close()


def _command(scenario: str, server: Server, options: dict[str, object]) -> list[str]:
    pids = ",".join(map(str, server.pids()))
    command = [str(BINARY), scenario, "--port", str(server.port), "--pids", pids]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return pinned(LOAD_CORE, command)
