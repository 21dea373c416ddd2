"""Run one benchmark, or all: `python bench/run.py NAME`.

The server runs on core 0 and the load generator on core 1. CPU per operation is the server's, over all
its threads and processes; it disturbs less than the rate does when the machine is shared.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

# Run as a script, Python would look for `bench` in this folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import (
    aggregates,
    developer,
    identity,
    lifecycle,
    live,
    loader,
    machine,
    report,
    rules,
    scheduled,
    search,
    sign_in,
    throughput,
)
from bench.settings import Settings

Benchmark = Callable[[Settings, report.Report], None]

BENCHMARKS: dict[str, Benchmark] = {
    "transfer": throughput.transfer,
    "insert": throughput.insert,
    "read": throughput.read,
    "fanout": live.fanout,
    "topics": live.topics,
    "latency": live.latency,
    "idle": lifecycle.idle,
    "coldstart": lifecycle.coldstart,
    "index-build": lifecycle.index_build,
    "reload": lifecycle.reload,
    "help": developer.help_text,
    "dev": developer.dev,
    "save": developer.save,
    "tests": developer.tests,
    "aggregates": aggregates.aggregates,
    "rules": rules.rules,
    "scheduled": scheduled.scheduled,
    "search": search.search,
    "vectors": search.vectors,
    "tokens": identity.tokens,
    "authenticated": identity.authenticated,
    "sign-in": sign_in.sign_in,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure Syncline on this machine.")
    parser.add_argument(
        "benchmark", choices=[*BENCHMARKS, "all"], help="which one; results go to bench/results/"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measured window")
    parser.add_argument("--warmup", type=float, default=1.0, help="seconds of load before each window")
    parser.add_argument("--repeat", type=int, default=3, help="windows per figure; the median is shown")
    parser.add_argument("--folder", type=Path, help="where data folders are made (default: bench/results)")
    options = parser.parse_args()
    if not loader.BINARY.exists():
        parser.error("the load generator is not built: run `make bench/bin/load`")
    allow_many_connections()
    report.RESULTS.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=options.folder or report.RESULTS))
    try:
        settings = Settings(folder, options.seconds, options.warmup, options.repeat)
        results = report.Report(machine.inspect(folder))
        for name, benchmark in BENCHMARKS.items():
            if options.benchmark in (name, "all"):
                benchmark(settings, results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    missed = results.missed()
    print(f"\n{len(results.figures)} figures, {len(missed)} over budget")
    for figure in missed:
        print(f"  {figure.line()}")
    return 0


def allow_many_connections() -> None:
    """Servers inherit the limit on open files: as high as it may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
