"""The database behaves as a dict of documents: a stateful model over inserts, patches, replacements, deletions,
nested transactions that are undone, and every kind of query; and the read set of each query says when it is stale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.databases import Database, Rollback
from syncline.database import DatabaseReader, DatabaseWriter, Query
from syncline.kernel.errors import NotFoundError, UniqueError
from syncline.schema import (
    Document,
    Id,
    Index,
    PaginationOptions,
    between,
    contains,
    gt,
    gte,
    lt,
    lte,
    table_of,
)


class Post(Document):
    author: str
    channel: str
    score: int = 0
    tags: list[str] = []
    rating: float | None = None
    slug: str | None = None

    by_author = Index("author", "channel")
    by_score = Index("channel", "score")
    by_tag = Index("tags", each=True)
    by_slug = Index("slug", unique=True)


names = st.sampled_from(["a", "b", "ab", "a\x00", "\x00", "é"])
channels = st.sampled_from(["x", "y"])
scores = st.integers(-3, 3)
tags = st.lists(st.sampled_from(["red", "green", "blue"]), max_size=3)
ratings = st.none() | st.sampled_from([-1.5, 0.0, 2.5, float("inf")])
slugs = st.none() | st.sampled_from(["one", "two", "three"])
posts = st.fixed_dictionaries(
    {"author": names, "channel": channels, "score": scores, "tags": tags, "rating": ratings, "slug": slugs}
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "author": names,
        "channel": channels,
        "score": scores,
        "tags": tags,
        "rating": ratings,
        "slug": slugs,
    },
)

Fields = dict[str, Any]
Model = dict[str, tuple[int, Fields]]  # id -> (position in creation order, fields)


class Ask:
    """A query, and what it means on the model."""

    def __init__(
        self,
        build: Callable[[DatabaseReader], Query[Post]],
        accepts: Callable[[Fields], bool],
        order: Callable[[Fields], Any] = lambda fields: 0,
        descending: bool = False,
        label: str = "",
    ) -> None:
        self.label = label
        self.build = build
        self.accepts = accepts
        self.order = order
        self.descending = descending

    def __repr__(self) -> str:
        return f"Ask({self.label})"

    def expected(self, model: Model) -> list[str]:
        rows = [(self.order(fields), at, id) for id, (at, fields) in model.items() if self.accepts(fields)]
        return [id for _, _, id in sorted(rows, key=lambda row: row[:2], reverse=self.descending)]


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    author, channel, low, high = draw(names), draw(channels), draw(scores), draw(scores)
    tag = draw(st.sampled_from(["red", "green"]))
    rating = draw(ratings)
    descending = draw(st.booleans())
    choices: list[
        tuple[Callable[[DatabaseReader], Query[Post]], Callable[[Fields], bool], Callable[[Fields], Any]]
    ] = [
        (lambda db: db.query(Post), lambda f: True, lambda f: 0),
        (lambda db: db.query(Post).where(author=author), lambda f: f["author"] == author, lambda f: 0),
        (
            lambda db: db.query(Post).where(channel=channel, author=author),
            lambda f: f["author"] == author and f["channel"] == channel,
            lambda f: 0,
        ),
        (
            lambda db: db.query(Post).where(channel=channel, score=gte(low)),
            lambda f: f["channel"] == channel and f["score"] >= low,
            lambda f: f["score"],
        ),
        (
            lambda db: db.query(Post).where(score=between(low, high)),
            lambda f: low <= f["score"] <= high,
            lambda f: f["score"],
        ),
        (
            lambda db: db.query(Post).where(score=gt(low)).where(score=lt(high)),
            lambda f: low < f["score"] < high,
            lambda f: f["score"],
        ),
        (
            lambda db: db.query(Post).where(rating=lte(2.5)),
            lambda f: f["rating"] is not None and f["rating"] <= 2.5,
            lambda f: f["rating"],
        ),
        (lambda db: db.query(Post).where(rating=rating), lambda f: f["rating"] == rating, lambda f: 0),
        (lambda db: db.query(Post).where(tags=contains(tag)), lambda f: tag in f["tags"], lambda f: 0),
        (
            lambda db: db.query(Post).where(tags=contains(tag), channel=channel),
            lambda f: tag in f["tags"] and f["channel"] == channel,
            lambda f: 0,
        ),
        (
            lambda db: db.query(Post).index(Post.by_author),
            lambda f: True,
            lambda f: (f["author"].encode(), f["channel"]),
        ),
        (
            lambda db: db.query(Post).index(Post.by_score, channel=channel, score=lte(high)),
            lambda f: f["channel"] == channel and f["score"] <= high,
            lambda f: f["score"],
        ),
        (
            lambda db: db.query(Post).filter(lambda post: post.score > low).where(author=author),
            lambda f: f["author"] == author and f["score"] > low,
            lambda f: 0,
        ),
    ]
    number = draw(st.integers(0, len(choices) - 1))
    build, accepts, order = choices[number]
    label = f"query {number}: {author=} {channel=} {low=} {high=} {tag=} {rating=} {descending=}"
    if descending:
        return Ask(lambda db: build(db).order("desc"), accepts, order, True, label)
    return Ask(build, accepts, order, label=label)


class DatabaseMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.database = Database([table_of(Post)])
        self.model: Model = {}
        self.next = 0

    def teardown(self) -> None:
        self.database.store.close()

    def _slug_taken(self, model: Model, slug: str | None, but: str | None = None) -> bool:
        return slug is not None and any(f["slug"] == slug for id, (_, f) in model.items() if id != but)

    def _insert(self, db: DatabaseWriter, model: Model, fields: Fields) -> None:
        if self._slug_taken(model, fields["slug"]):
            with pytest.raises(UniqueError, match=r"posts\.by_slug"):
                db.insert(Post(**fields))
            return
        id = db.insert(Post(**fields))
        model[id] = (self.next, fields)
        self.next += 1

    def _patch(self, db: DatabaseWriter, model: Model, id: str, changed: Fields) -> None:
        at, fields = model[id]
        if "slug" in changed and self._slug_taken(model, changed["slug"], id):
            with pytest.raises(UniqueError):
                db.patch(Id[Post](id), **changed)
            return
        db.patch(Id[Post](id), **changed)
        model[id] = (at, {**fields, **changed})

    @rule(items=st.lists(posts, min_size=1, max_size=4))
    def insert(self, items: list[Fields]) -> None:
        with self.database.writing() as db:
            for fields in items:
                self._insert(db, self.model, fields)

    @rule(data=st.data(), changed=changes)
    def patch(self, data: st.DataObject, changed: Fields) -> None:
        if self.model:
            id = data.draw(st.sampled_from(sorted(self.model)))
            with self.database.writing() as db:
                self._patch(db, self.model, id, changed)

    @rule(data=st.data(), fields=posts)
    def replace(self, data: st.DataObject, fields: Fields) -> None:
        if not self.model:
            return
        id = data.draw(st.sampled_from(sorted(self.model)))
        if self._slug_taken(self.model, fields["slug"], id):
            return
        with self.database.writing() as db:
            found = db.require(Id[Post](id))
            db.replace(found, Post(**fields))
        self.model[id] = (self.model[id][0], fields)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if not self.model:
            return
        id = data.draw(st.sampled_from(sorted(self.model)))
        with self.database.writing() as db:
            db.delete(Id[Post](id))
            assert db.get(Id[Post](id)) is None
            with pytest.raises(NotFoundError, match=id):
                db.patch(Id[Post](id), score=1)
        del self.model[id]

    @rule(data=st.data(), items=st.lists(posts, max_size=3), changed=changes, asked=asks())
    def roll_back(self, data: st.DataObject, items: list[Fields], changed: Fields, asked: Ask) -> None:
        """Everything that a failed transaction did is gone, and while it ran it saw its own writes."""
        inner = dict(self.model)
        try:
            with self.database.writing() as db:
                for fields in items:
                    self._insert(db, inner, fields)
                if inner:
                    self._patch(db, inner, data.draw(st.sampled_from(sorted(inner))), changed)
                assert [post.id for post in asked.build(db)] == asked.expected(inner)
                assert (asked.build(db).count(), asked) == (len(asked.expected(inner)), asked)
                raise Rollback
        except Rollback:
            pass

    @rule(data=st.data(), outer=st.lists(posts, max_size=2), nested=st.lists(posts, max_size=3), asked=asks())
    def nested(self, data: st.DataObject, outer: list[Fields], nested: list[Fields], asked: Ask) -> None:
        """A nested transaction that raises takes back its own writes only."""
        with self.database.writing() as db:
            for fields in outer:
                self._insert(db, self.model, fields)
            inner = dict(self.model)
            try:
                with self.database.transaction.nested():
                    for fields in nested:
                        self._insert(db, inner, fields)
                    if inner:
                        victim = data.draw(st.sampled_from(sorted(inner)))
                        db.delete(Id[Post](victim))
                        del inner[victim]
                    assert [post.id for post in asked.build(db)] == asked.expected(inner)
                    raise Rollback
            except Rollback:
                pass
            assert [post.id for post in asked.build(db)] == asked.expected(self.model)

    @rule(asked=asks(), count=st.integers(0, 4))
    def query(self, asked: Ask, count: int) -> None:
        expected = asked.expected(self.model)
        with self.database.reading() as db:
            assert [post.id for post in asked.build(db).all()] == expected
            assert [post.id for post in asked.build(db).take(count)] == expected[:count]
            first = asked.build(db).first()
            assert (first.id if first else None) == (expected[0] if expected else None)
            assert asked.build(db).exists() == bool(expected)
            assert (asked.build(db).count(), asked) == (len(expected), asked)

    @rule(asked=asks(), size=st.integers(1, 3))
    def paginate(self, asked: Ask, size: int) -> None:
        """Pages follow one another without gaps and overlaps."""
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(100):
            with self.database.reading() as db:
                page = asked.build(db).paginate(PaginationOptions(num_items=size, cursor=cursor))
            seen += [post.id for post in page.items]
            cursor = page.cursor
            if page.is_done:
                break
        assert seen == asked.expected(self.model)

    @rule(
        asked=asks(), count=st.integers(1, 3), items=st.lists(posts, min_size=1, max_size=2), data=st.data()
    )
    def stale(self, asked: Ask, count: int, items: list[Fields], data: st.DataObject) -> None:
        """If the answer changes, a commit since touched the read set."""
        with self.database.reading() as db:
            before = [(post.id, post.score) for post in asked.build(db).take(count)]
        read_set = self.database.read_set
        seen = len(self.database.records)
        self.insert(items)
        if data.draw(st.booleans()) and self.model:
            self.delete(data)
        with self.database.reading() as db:
            after = [(post.id, post.score) for post in asked.build(db).take(count)]
        if before != after:
            assert any(read_set.overlaps(record) for record in self.database.records[seen:])

    @invariant()
    def every_document_reads_as_written(self) -> None:
        with self.database.reading() as db:
            for id, (_, fields) in self.model.items():
                found = db.require(Id[Post](id))
                assert {name: getattr(found, name) for name in fields} == fields


TestDatabase = DatabaseMachine.TestCase
TestDatabase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
