"""One run of a query or mutation on stored data, with all that it read and why. Nothing that it writes is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncline.database import CachedSnapshot, Catalog, KeyCache, ReadRange, WriteSet
from syncline.database.creation import CreationClock
from syncline.database.labels import Labels
from syncline.database.selection import Selection
from syncline.database.tracing import Trace, TracedRead, TracedTransaction
from syncline.functions import (
    Execution,
    FunctionDefinition,
    Kind,
    Outcome,
    RunSettings,
    TransactionRun,
    invoke,
)
from syncline.kernel.clock import Clock, Entropy
from syncline.kernel.identity import Caller
from syncline.store import Reader

from .advice import serving_index


@dataclass(frozen=True, slots=True)
class ReadStep:
    """One read, in the words of the schema. Counts are of rows, sizes of bytes."""

    what: str  # "query", "get", "count" or "search"
    table: str
    index: str
    ranges: tuple[str, ...]
    scanned: int
    kept: int
    bytes: int
    left_out_by: tuple[str, ...]
    sorted: bool
    advice: str

    @property
    def filtered(self) -> int:
        """Rows that were read and did not belong to the result."""
        return self.scanned - self.kept


@dataclass(frozen=True, slots=True)
class Explanation:
    path: str
    kind: str
    outcome: Outcome
    seconds: float
    steps: tuple[ReadStep, ...]
    #: (index, range) of everything whose change reruns the query.
    read_set: tuple[tuple[str, str], ...]
    documents_read: int
    bytes_read: int
    documents_written: int
    #: What else reruns it or keeps its result from being shared, one sentence each.
    notes: tuple[str, ...]


def explain_run(
    definition: FunctionDefinition,
    args: bytes,
    caller: Caller,
    catalog: Catalog,
    reader: Reader,
    settings: RunSettings,
    clock: Clock,
    entropy: Entropy,
    cursor_key: bytes = b"",
) -> Explanation:
    """Run a function (not an action) on the newest snapshot of `reader`, on this thread."""
    execution = Execution(settings, entropy)
    try:
        ts = reader.begin()
        is_query = definition.kind is Kind.QUERY
        transaction = TracedTransaction(
            CachedSnapshot(reader, KeyCache(), ts),
            settings.limits,
            now_us=clock.wall_ns() // 1000,
            cursor_key=cursor_key,
            writes=None if is_query else WriteSet(),
            entropy=entropy,
            created=CreationClock(),
        )
        trace = transaction.observe()
        run = TransactionRun(definition, caller, execution, transaction, catalog)
        reader.set_deadline(clock.monotonic() + settings.limits.run_seconds)
        began = clock.monotonic()
        outcome = invoke(run, args)
        seconds = clock.monotonic() - began
    finally:
        execution.close()
    labels = Labels(catalog)
    return Explanation(
        definition.path,
        definition.kind.value.lower(),
        outcome,
        seconds,
        _steps(trace, catalog, labels),
        _read_set(transaction.read_set().ranges, labels),
        transaction.documents_read,
        transaction.bytes_read,
        transaction.documents_written,
        _notes(run),
    )


def _steps(trace: Trace, catalog: Catalog, labels: Labels) -> tuple[ReadStep, ...]:
    return tuple(_step(read, catalog, labels) for read in trace.reads)


def _step(read: TracedRead, catalog: Catalog, labels: Labels) -> ReadStep:
    table = labels.table(read.index_id) or "?"
    selection = read.selection
    if read.searched:
        return ReadStep("search", table, labels.index(read.index_id), (), 0, 0, 0, (), False, "")
    if selection is None:
        return ReadStep(
            "get",
            table,
            labels.index(read.index_id),
            (),
            read.scanned,
            read.scanned - read.missing,
            read.bytes,
            (),
            False,
            "",
        )
    binding = read.table
    assert binding is not None
    plan = selection.plan
    ranges = tuple(labels.range(ReadRange(*item)) for item in selection.ranges)
    left = tuple(condition.field for condition in selection.conditions)
    reasons = [*left, *(["access"] if selection.rule is not None else [])]
    if len(selection.predicates) > 1:  # The last one is the trace's own.
        reasons.append("filter")
    kept = read.scanned if read.kept is None else read.kept
    return ReadStep(
        "count" if read.counted else "query",
        binding.name,
        labels.index(read.index_id),
        ranges,
        read.scanned,
        min(kept, read.scanned),
        read.bytes,
        tuple(reasons),
        plan.sort,
        _advice(read, selection, kept),
    )


def _advice(read: TracedRead, selection: Selection[Any], kept: int) -> str:
    """What to do about rows that were read in vain, or about sorting."""
    binding = read.table
    assert binding is not None
    plan, cls = selection.plan, binding.cls.__name__
    if selection.conditions or plan.sort:
        shape: list[tuple[str, str]] = [
            (name, "equal") for name in plan.equal if name != (plan.index.each_field if plan.index else None)
        ]
        if plan.index is not None and plan.index.each_field in plan.equal:
            shape.insert(0, (str(plan.index.each_field), "contains"))
        shape += [(item.field, item.kind) for item in selection.conditions]
        if plan.range_field is not None:
            shape.append((plan.range_field, "range"))
        index = serving_index(binding.spec, shape)
        if index is not None:
            return f"add to {cls}: {index}"
        return "no index serves all of these conditions: narrow the others, or keep what is asked for in a field of its own"
    if len(selection.predicates) > 1 and read.scanned - kept > kept:
        return "most rows were read in vain: put what .filter(...) asks for into .where(...), with an index"
    if plan.index is None and plan.range_field is None and read.kept is None and read.scanned > 1_000:
        return "the whole table was read: use .take(n) or .paginate(...)"
    return ""


def _read_set(ranges: Sequence[ReadRange], labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple((labels.index(item.index_id), labels.range(item)) for item in ranges)


def _notes(run: TransactionRun) -> tuple[str, ...]:
    notes: list[str] = []
    if run.used_identity:
        notes.append("it looks at who is calling: each caller has a result of their own")
    if run.used_now:
        notes.append(
            "it uses ctx.now: its result is kept for at most 10 s, and does not rerun because time passes"
        )
    if run.tick_ns is not None:
        notes.append("it uses ctx.clock: it reruns when that ticks")
    if run.env_names:
        notes.append(f"it reads environment variables: {', '.join(sorted(run.env_names))}")
    return tuple(notes)
