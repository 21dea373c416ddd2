"""Figures: printed for people, appended as JSON lines for comparison over time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.loader import Distribution, Measured
from bench.machine import Machine

RESULTS = Path(__file__).resolve().parent / "results"
DURABLE = "synchronous=FULL"


class Budget(msgspec.Struct, frozen=True):
    value: float
    #: Whether more is better: a rate, not a time.
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.value if self.at_least else value <= self.value


class Figure(msgspec.Struct, frozen=True):
    """One number with its unit; `budget` is what it has to meet, if anything."""

    name: str
    value: float
    unit: str
    budget: Budget | None = None
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        shown = f"{self.name:<34} {number(self.value):>10} {self.unit:<6}"
        if self.budget:
            sign, verdict = ">=" if self.budget.at_least else "<=", "met" if self.met else "MISSED"
            shown += f" {sign} {number(self.budget.value)} {verdict}"
        return "  ".join([f"{shown:<72}", *self.notes]).rstrip()

    @property
    def met(self) -> bool:
        return self.budget is None or self.budget.met_by(self.value)


def either(first: Figure, second: Figure) -> tuple[Figure, Figure]:
    """Two figures of which one has to meet its budget: the other's is then taken off."""
    if first.met and not second.met:
        return first, msgspec.structs.replace(second, budget=None)
    if second.met and not first.met:
        return msgspec.structs.replace(first, budget=None), second
    return first, second


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percentiles(times: Distribution) -> str:
    shown = [f"{name} {number(value / 1000)}" for name, value in _percentiles(times)]
    return " ".join(shown) + " ms"


def _percentiles(times: Distribution) -> list[tuple[str, float]]:
    return [("p50", times.p50), ("p90", times.p90), ("p99", times.p99), ("max", times.max)]


def cpu(measured: Measured, operations: int) -> str:
    """What an operation cost the server, and how busy each side was."""
    each = measured.server_cpu_us / operations if operations else 0.0
    shown = f"server {number(each)} us/op ({measured.server_busy:.0%}), load {measured.load_busy:.0%}"
    for name, share in (("steal", measured.steal), ("other processes", measured.elsewhere)):
        if share >= 0.02:
            shown += f", {name} {share:.0%}"
    return shown


def raw(runs: Sequence[Measured]) -> dict[str, object]:
    """All runs behind a figure, for the results file."""
    return {"runs": [msgspec.to_builtins(run) for run in runs]}


class Report:
    """Prints each figure as it comes and appends it to bench/results/<benchmark>.jsonl."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.figures: list[Figure] = []
        RESULTS.mkdir(exist_ok=True)
        print("\n".join(machine.lines()))
        print(f"durable   {DURABLE}, group commit")

    def begin(self, title: str) -> None:
        print(f"\n{title}", flush=True)

    def add(self, benchmark: str, figure: Figure, details: Mapping[str, object] | None = None) -> None:
        self.figures.append(figure)
        print(f"  {figure.line()}", flush=True)
        entry = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "benchmark": benchmark,
            "figure": figure,
            "durable": DURABLE,
            "details": details,
            "machine": self.machine.as_dict(),
        }
        with (RESULTS / f"{benchmark}.jsonl").open("ab") as results:
            results.write(msgspec.json.encode(entry) + b"\n")

    def note(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if not figure.met]
