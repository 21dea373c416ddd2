"""What a figure was measured on: it means little without."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Machine:
    cores: int
    model: str
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]
    commit: str
    filesystem: str
    #: Median of one 4 KiB write and fdatasync where the data lies, in microseconds.
    fdatasync_us: float

    def lines(self) -> list[str]:
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return [
            f"machine   {self.cores} cores, {self.model}, {self.memory_gib:.0f} GiB, {self.system}",
            f"software  Python {self.python}, {packages}, commit {self.commit}",
            f"disk      {self.filesystem}, fdatasync {self.fdatasync_us:.0f} us (median)",
        ]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def inspect(data: Path) -> Machine:
    """The machine, and the disk that holds `data`."""
    return Machine(
        cores=os.cpu_count() or 1,
        model=_field("/proc/cpuinfo", "model name") or platform.processor(),
        memory_gib=int((_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 2**20,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={
            name: version(name) for name in ("syncline", "apsw-sqlite3mc", "uvloop", "picows", "msgspec")
        },
        commit=_commit(),
        filesystem=_filesystem(data),
        fdatasync_us=_fdatasync(data),
    )


@dataclass(frozen=True)
class CpuTimes:
    """CPU seconds of all cores since the machine started."""

    steal: float
    busy: float
    total: float


def cpu_times() -> CpuTimes:
    fields = [float(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, idle, wait, irq, softirq, steal = fields
    hertz = os.sysconf("SC_CLK_TCK")
    busy = user + nice + system + irq + softirq
    return CpuTimes(steal / hertz, busy / hertz, (busy + idle + wait + steal) / hertz)


def _field(file: str, name: str) -> str | None:
    path = Path(file)
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def _filesystem(data: Path) -> str:
    shown = subprocess.run(
        ["stat", "--file-system", "--format=%T", str(data)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or "unknown"


def _fdatasync(data: Path) -> float:
    probe = data / "fdatasync-probe"
    taken: list[float] = []
    descriptor = os.open(probe, os.O_CREAT | os.O_WRONLY)
    try:
        for turn in range(50):
            os.pwrite(descriptor, b"x" * 4096, turn * 4096)
            started = time.perf_counter()
            os.fdatasync(descriptor)
            taken.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
        probe.unlink()
    return statistics.median(taken) * 1e6
