"""The nearest vectors: the same answers with an index, behind an index, and without one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.databases import Database
from syncline.database import DatabaseReader, blend
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import ArgumentError, DocumentError, SetupError
from syncline.kernel.identity import Identity
from syncline.schema import Document, Index, VectorIndex, gte, owned_by, table_of
from syncline.store import Store, vectors

CHANCE = random.Random(7)


class Place(Document):
    name: str
    at: list[float] | None
    kind: str = "town"
    size: int = 0

    by_size = Index("size")
    near = VectorIndex("at", dimensions=2, filters=("kind",))


def indexed(path: Path) -> Database:
    return Database([table_of(Place)], store=Store.open(path, clock=FakeClock()))


def catch_up(database: Database) -> None:
    if database.store.vectors is not None:
        while database.store.vectors.work():
            pass


@pytest.fixture(params=["index", "late index", "graph", "no index"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """The ways in which a search is answered."""
    if request.param == "graph":
        monkeypatch.setattr(vectors, "GRAPH_ROWS", 2)
    made = Database([table_of(Place)]) if request.param == "no index" else indexed(tmp_path / "data")
    made.late = request.param == "late index"  # type: ignore[attr-defined]  # for `add`
    yield made
    made.store.close()


def add(database: Database, name: str, at: Sequence[float] | None, kind: str = "town", size: int = 0) -> None:
    with database.writing() as db:
        db.insert(Place(name=name, at=None if at is None else list(at), kind=kind, size=size))
    if not getattr(database, "late", False):
        catch_up(database)


def names(db: DatabaseReader, at: Sequence[float], limit: int = 10, **filters: object) -> list[str]:
    return [place.name for place in db.query(Place).nearest(Place.near, at, limit, **filters)]


def test_the_nearest_come_first_with_their_cosines(database: Database) -> None:
    add(database, "east", (1, 0))
    add(database, "north", (0, 3))
    add(database, "north-east", (2, 2))
    add(database, "west", (-1, 0))
    add(database, "nowhere", None)
    with database.reading() as db:
        assert names(db, (5, 1)) == ["east", "north-east", "north", "west"]
        assert names(db, (5, 1), 2) == ["east", "north-east"]
        scored = db.query(Place).nearest(Place.near, (1, 0)).scored(3)
    assert [round(score, 4) for _, score in scored] == [1.0, 0.7071, 0.0]


def test_filters_conditions_and_predicates_narrow(database: Database) -> None:
    for number in range(40):
        add(database, f"t{number}", (1, number / 10), kind="town" if number % 4 else "city", size=number)
    with database.reading() as db:
        assert names(db, (1, 0), 3, kind="city") == ["t0", "t4", "t8"]
        assert names(db, (1, 0), 3, kind="sea") == []
        big = db.query(Place).where(size=gte(30)).nearest(Place.near, (1, 0), 3)
        assert [place.name for place in big] == ["t30", "t31", "t32"]
        odd = db.query(Place).filter(lambda place: place.size % 10 == 9).nearest(Place.near, (1, 0), 3)
        assert [place.name for place in odd] == ["t9", "t19", "t29"]
        assert db.query(Place).nearest(Place.near, (1, 0), 3).filter(lambda place: False).first() is None


def test_changed_deleted_and_own_documents_are_found_as_they_are(database: Database) -> None:
    add(database, "a", (1, 0))
    add(database, "b", (0, 1))
    with database.writing() as db:
        first, second = db.query(Place).all()
        db.patch(first, at=[0.0, -1.0])
        db.insert(Place(name="c", at=[1.0, 0.1]))
        assert names(db, (1, 0)) == ["c", "b", "a"] or names(db, (1, 0)) == ["c", "a", "b"]
        db.delete(second)
    for _ in range(2):
        with database.reading() as db:
            assert names(db, (1, 0)) == ["c", "a"]
        catch_up(database)
    with database.writing() as db:
        db.patch(first, at=None)
    catch_up(database)
    with database.reading() as db:
        assert names(db, (1, 0)) == ["c"]


@pytest.mark.parametrize(
    ("at", "kind", "touches"),
    [
        pytest.param((1, 0.05), "town", True, id="nearer than the last"),
        pytest.param((-1, 0), "town", False, id="farther"),
        pytest.param((1, 0.05), "city", False, id="another filter"),
        pytest.param(None, "town", False, id="without a vector"),
    ],
)
def test_a_live_search_reruns_for_what_can_enter_it(
    database: Database, at: tuple[float, float] | None, kind: str, touches: bool
) -> None:
    add(database, "a", (1, 0))
    add(database, "b", (1, 0.1))
    add(database, "c", (0, 1))
    with database.reading() as db:
        assert names(db, (1, 0), 2, kind="town") == ["a", "b"]
    read_set = database.read_set
    add(database, "new", at, kind)
    assert read_set.overlaps(database.records[-1]) is touches


def test_a_live_search_reruns_when_one_of_its_documents_changes(database: Database) -> None:
    add(database, "a", (1, 0))
    add(database, "far", (-1, 0))
    with database.reading() as db:
        [found] = db.query(Place).nearest(Place.near, (1, 0), 1).all()
    read_set = database.read_set
    for change in ({"size": 3}, {"at": [0.0, 1.0]}):
        with database.writing() as db:
            db.patch(found, **change)
        assert read_set.overlaps(database.records[-1])


def test_rules_hold(tmp_path: Path) -> None:
    class Memory(Document, table="memories"):
        user_id: str
        at: list[float]

        by_user = Index("user_id")
        near = VectorIndex("at", dimensions=2)
        access = owned_by("user_id")

    class Caller:
        def __init__(self, subject: str) -> None:
            self.identity = Identity(subject, "test")

        def predicate_context(self) -> object:
            return None

    database = Database([table_of(Memory)], store=Store.open(tmp_path / "data", clock=FakeClock()))
    with database.writing() as db:
        for number in range(50):
            db.insert(Memory(user_id="ada" if number == 40 else "bob", at=[1.0, number / 10]))
    for _ in range(2):
        with database.reading(caller=Caller("ada")) as reader:
            found = reader.query(Memory).nearest(Memory.near, (1, 0), 5).all()
        assert [memory.user_id for memory in found] == ["ada"]
        catch_up(database)
    database.store.close()


def test_an_index_is_saved_resumed_and_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "GRAPH_ROWS", 2)
    database = indexed(tmp_path)
    for number in range(20):
        add(database, f"p{number}", (1, number / 10))
    with database.writing() as db:
        db.insert(Place(name="late", at=[1.0, 0.01]))  # The index has not seen it when the store closes.
    database.store.close()
    assert {file.suffix for file in tmp_path.glob("vectors-*")} == {".json", ".npy", ".graph"}
    for _ in range(2):
        database = indexed(tmp_path)
        with database.reading() as db:
            assert names(db, (1, 0), 3) == ["p0", "late", "p1"]
        database.store.close()
        for file in tmp_path.glob("vectors-*"):
            file.unlink()


def test_the_graph_finds_what_comparing_all_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "GRAPH_ROWS", 100)
    with_graph, without = indexed(tmp_path), Database([table_of(Place)])
    points = [(CHANCE.gauss(0, 1), CHANCE.gauss(0, 1)) for _ in range(600)]
    for database in (with_graph, without):
        with database.writing() as db:
            for number, point in enumerate(points):
                db.insert(Place(name=f"p{number}", at=list(point), kind="town" if number % 3 else "city"))
    catch_up(with_graph)
    for _ in range(20):
        at = (CHANCE.gauss(0, 1), CHANCE.gauss(0, 1))
        with with_graph.reading() as one, without.reading() as other:
            assert len(set(names(one, at)) & set(names(other, at))) >= 9
            assert len(set(names(one, at, kind="city")) & set(names(other, at, kind="city"))) >= 9
    with_graph.store.close()


def test_what_does_not_fit_is_said(database: Database) -> None:
    with (
        database.writing() as db,
        pytest.raises(DocumentError, match="is for vectors of 2 numbers, and `at` has 3"),
    ):
        db.insert(Place(name="x", at=[1.0, 2.0, 3.0]))
    with database.reading() as reader:
        places = reader.query(Place)
        with pytest.raises(ArgumentError, match="is for vectors of 2 numbers, got one of 1"):
            places.nearest(Place.near, (1,))
        with pytest.raises(ArgumentError, match=r"size is no filter of the index \(kind\)"):
            places.nearest(Place.near, (1, 0), size=3)
        with pytest.raises(ArgumentError, match="limit=0, but it must be 1 to 256"):
            places.nearest(Place.near, (1, 0), 0)
    with pytest.raises(SetupError, match=r"for lists of numbers, and `name` is str"):

        class Bad(Document):
            name: str

            near = VectorIndex("name", dimensions=3)

        _ = table_of(Bad).fields
    with pytest.raises(SetupError, match="dimensions=0, but vectors have 1 to 4,096 numbers"):

        class Worse(Document):  # pyright: ignore[reportUnusedClass]  # making it is the test
            at: list[float]

            near = VectorIndex("at", dimensions=0)


def test_rankings_are_blended_by_place(database: Database) -> None:
    for name in ("a", "b", "c", "d"):
        add(database, name, (1, 0))
    with database.reading() as db:
        a, b, c, d = sorted(db.query(Place), key=lambda place: place.name)
    assert blend([a, b, c], [b, d])[0] is b
    assert {place.name for place in blend([a, b], [c], limit=2)} == {"a", "c"}
    assert blend([], []) == []
