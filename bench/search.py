"""Full-text search over 100,000 documents of 1 KB: what a search takes, and what the index adds to a write.

In this process, on a store with full durability: nothing but the engine is measured. Words are Zipf distributed over
a vocabulary of 20,000; `rare` words are in at most 2 % of the documents, `common` ones in most of them.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from bench.report import Budget, Figure, Report, number
from bench.settings import Settings
from syncline.database import (
    CachedSnapshot,
    Catalog,
    CreationClock,
    DatabaseReader,
    DatabaseWriter,
    KeyCache,
    Transaction,
    WriteSet,
    activate,
)
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.limits import Limits
from syncline.schema import Document, SearchIndex, VectorIndex, table_of
from syncline.store import Commit, Store

DOCUMENTS = 100_000
VOCABULARY = 20_000
WORDS = 160
BATCH = 64
SEARCHES = 200


class Article(Document, table="articles"):
    channel: str
    body: str

    words = SearchIndex("body", filters=("channel",))


class Plain(Document, table="plain_articles"):
    channel: str
    body: str


class Passage(Document, table="passages"):
    topic: str
    at: list[float]

    near = VectorIndex("at", dimensions=384, filters=("topic",))


class Engine:
    """A store, and transactions on it as the lane and the readers make them."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.store = Store.open(folder, clock=self.clock)
        self.catalog: Catalog = activate(self.store, [table_of(Article), table_of(Plain), table_of(Passage)])
        self.keys = KeyCache(applied_ts=self.store.head)
        self.created = CreationClock()
        self.entropy = SystemEntropy()
        self.reader = self.store.reader()

    def write(self, documents: Sequence[Document]) -> None:
        """One batch of mutations, each with one insert."""
        reader = self.store.writer_reader()
        snapshot = CachedSnapshot(reader, self.keys, reader.begin())
        writes = WriteSet()
        commits: list[Commit] = []
        for document in documents:
            mark = writes.mark()
            transaction = Transaction(
                snapshot,
                Limits(),
                now_us=self.clock.wall_ns() // 1000,
                writes=writes,
                entropy=self.entropy,
                created=self.created,
            )
            DatabaseWriter(transaction, self.catalog).insert(document)
            commits.append(Commit(self.store.next_ts(), *writes.writes_since(mark)))
        self.store.append(commits)
        self.keys.apply_all(commits)

    def search(self, text: str, **filters: object) -> float:
        """Seconds that the best 20 take."""
        began = time.perf_counter()
        ts = self.reader.begin()
        transaction = Transaction(
            CachedSnapshot(self.reader, self.keys, ts), Limits(), now_us=self.clock.wall_ns() // 1000
        )
        DatabaseReader(transaction, self.catalog).query(Article).search(Article.words, text, **filters).take(
            20
        )
        self.reader.end()
        return time.perf_counter() - began

    def nearest(self, vector: list[float], **filters: str) -> tuple[float, set[str]]:
        """Seconds that the nearest 10 take, and their ids."""
        began = time.perf_counter()
        ts = self.reader.begin()
        transaction = Transaction(
            CachedSnapshot(self.reader, self.keys, ts), Limits(), now_us=self.clock.wall_ns() // 1000
        )
        found = (
            DatabaseReader(transaction, self.catalog)
            .query(Passage)
            .nearest(Passage.near, vector, 10, **filters)
            .all()
        )
        self.reader.end()
        return time.perf_counter() - began, {passage.id for passage in found}

    def catch_up(self) -> None:
        assert self.store.text is not None and self.store.vectors is not None
        while self.store.text.work():
            pass
        while self.store.vectors.work():
            pass


def search(settings: Settings, report: Report) -> None:
    report.begin(f"search: {DOCUMENTS:,} documents of 1 KB, the best 20")
    chance = random.Random(7)
    vocabulary = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9)))
        for _ in range(VOCABULARY)
    ]
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    seen: Counter[str] = Counter()

    def text() -> str:
        words = chance.choices(vocabulary, cum_weights=weights, k=WORDS)
        seen.update(set(words))
        return " ".join(words)

    engine = Engine(settings.new_data())
    plain = _writes(engine, [Plain(channel="c", body=text()) for _ in range(3_000)])
    indexed = _writes(engine, [Article(channel="c", body=text()) for _ in range(3_000)])
    began = time.perf_counter()
    engine.catch_up()
    behind = (time.perf_counter() - began) / 3_000
    seen.clear()
    for _ in range((DOCUMENTS - 3_000) // 1_000):
        engine.write([Article(channel=f"c{chance.randrange(20)}", body=text()) for _ in range(1_000)])
        engine.catch_up()
    rare = [word for word, count in seen.items() if 100 <= count <= DOCUMENTS // 50]
    common = [word for word, _ in seen.most_common(8)]
    kinds: dict[str, list[tuple[str, dict[str, str]]]] = {
        "rare": [(f"{chance.choice(rare)} ", {}) for _ in range(SEARCHES)],
        "two rare": [(f"{chance.choice(rare)} {chance.choice(rare)} ", {}) for _ in range(SEARCHES)],
        "rare, filtered": [(f"{chance.choice(rare)} ", {"channel": "c7"}) for _ in range(SEARCHES)],
        "rare, beginning": [(chance.choice(rare)[:4], {}) for _ in range(SEARCHES)],
        "common": [(f"{chance.choice(common)} ", {}) for _ in range(SEARCHES // 4)],
        "common, filtered": [(f"{chance.choice(common)} ", {"channel": "c7"}) for _ in range(SEARCHES // 4)],
    }
    for name, searches in kinds.items():
        times = sorted(engine.search(text, **filters) * 1000 for text, filters in searches)
        p50, p95 = statistics.median(times), times[len(times) * 95 // 100]
        if name == "common":
            report.add("search", Figure(f"{name}: p95", p95, "ms", Budget(250), (f"p50 {number(p50)} ms",)))
        else:
            report.add(
                "search",
                Figure(
                    f"{name}: p50",
                    p50,
                    "ms",
                    Budget(10) if name == "rare" else None,
                    (f"p95 {number(p95)} ms",),
                ),
            )
    notes = (
        f"{number(plain * 1e6)} us without, {number(indexed * 1e6)} us with",
        f"{number(behind * 1e6)} us behind it",
    )
    report.add("search", Figure("write with index / without", indexed / plain, "", Budget(2), notes))
    engine.store.close()


def vectors(settings: Settings, report: Report) -> None:
    """Vectors in 500 clusters, as those of texts are; recall is against comparing with all of them."""
    import numpy as np

    report.begin(f"vectors: {DOCUMENTS:,} of 384 dimensions, the nearest 10")
    chance = np.random.default_rng(7)
    centres = chance.normal(size=(500, 384))

    def some(count: int) -> list[list[float]]:
        points = centres[chance.integers(0, 500, count)] + 0.6 * chance.normal(size=(count, 384))
        return [[round(number, 4) for number in point] for point in points.tolist()]

    folder = settings.new_data()
    engine = Engine(folder)
    everything = np.zeros((DOCUMENTS, 384), dtype=np.float32)
    for start in range(0, DOCUMENTS, 500):
        points = some(500)
        everything[start : start + 500] = points
        engine.write(
            [Passage(topic=f"t{(start + number) % 100}", at=point) for number, point in enumerate(points)]
        )
    began = time.perf_counter()
    engine.catch_up()
    build = time.perf_counter() - began
    everything /= np.linalg.norm(everything, axis=1, keepdims=True)
    ids = [str(passage.id) for passage in _all_passages(engine)]
    times: list[float] = []
    hits = 0
    queries = some(SEARCHES)
    for query in queries:
        seconds, found = engine.nearest(query)
        times.append(seconds * 1000)
        best = np.argsort(-(everything @ np.asarray(query, dtype=np.float32)))[:10]
        hits += len(found & {ids[row] for row in best})
    filtered = [engine.nearest(query, topic="t7")[0] * 1000 for query in queries]
    engine.store.close()
    began = time.perf_counter()
    engine = Engine(folder)
    start_seconds = time.perf_counter() - began
    engine.store.close()
    p95 = sorted(times)[len(times) * 95 // 100]
    notes = (f"p95 {number(p95)} ms", f"filtered to 1 %: p50 {number(statistics.median(filtered))} ms")
    report.add("vectors", Figure("nearest: p50", statistics.median(times), "ms", Budget(5), notes))
    report.add("vectors", Figure("recall at 10", hits / (10 * SEARCHES), "", Budget(0.95, at_least=True)))
    report.add("vectors", Figure("graph built", build, "s", None, ("behind the writes",)))
    report.add("vectors", Figure("start with all of them", start_seconds, "s"))


def _all_passages(engine: Engine) -> list[Passage]:
    """All of them, in the order in which they were written."""
    ts = engine.reader.begin()
    limits = Limits(read_documents=DOCUMENTS + 1, read_bytes=1 << 40)
    transaction = Transaction(
        CachedSnapshot(engine.reader, engine.keys, ts), limits, now_us=engine.clock.wall_ns() // 1000
    )
    found = DatabaseReader(transaction, engine.catalog).query(Passage).all()
    engine.reader.end()
    return found


def _writes(engine: Engine, documents: Sequence[Document]) -> float:
    """CPU seconds per write, in batches."""
    began = time.thread_time()
    for start in range(0, len(documents), BATCH):
        engine.write(documents[start : start + BATCH])
    return (time.thread_time() - began) / len(documents)
