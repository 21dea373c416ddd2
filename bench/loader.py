"""Run the load generator (bench/load) beside a server and read what it measured."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.machine import stolen_and_busy
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
    #: The share of the machine's CPU time that the hypervisor gave to others.
    steal: float = 0.0

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
    before = stolen_and_busy()
    finished = subprocess.run(_command("run", server, options), capture_output=True, check=False)
    after = stolen_and_busy()
    if finished.returncode:
        raise RuntimeError(f"{finished.stderr.decode().strip()}\n{server.log()}")
    measured = msgspec.json.decode(finished.stdout, type=Measured)
    return msgspec.structs.replace(measured, steal=(after[0] - before[0]) / (after[2] - before[2]))


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
