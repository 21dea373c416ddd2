"""Full-text search: the same answers with an index, behind an index, and without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.databases import Database, Rollback
from syncline.database import DatabaseReader
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import ArgumentError, LimitError, SetupError
from syncline.kernel.identity import Identity
from syncline.kernel.limits import Limits
from syncline.schema import (
    Document,
    Index,
    PaginationOptions,
    Rules,
    SearchIndex,
    contains,
    owned_by,
    table_of,
)
from syncline.store import Store


class Note(Document):
    text: str | None
    folder: str
    tags: list[str] = []
    stars: int = 0

    by_folder = Index("folder")
    words = SearchIndex("text", filters=("folder", "tags"))


def indexed(path: Path, limits: Limits | None = None) -> Database:
    return Database([table_of(Note)], limits, Store.open(path, clock=FakeClock()))


def catch_up(database: Database) -> None:
    if database.store.text is not None:
        while database.store.text.work():
            pass


@pytest.fixture(params=["index", "late index", "no index"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The three ways in which a search is answered."""
    made = Database([table_of(Note)]) if request.param == "no index" else indexed(tmp_path / "data")
    made.late = request.param == "late index"  # type: ignore[attr-defined]  # for `add`
    yield made
    made.store.close()


def add(database: Database, *texts: str, folder: str = "a", tags: list[str] | None = None) -> None:
    for text in texts:
        with database.writing() as db:
            db.insert(Note(text=text, folder=folder, tags=tags or []))
    if not getattr(database, "late", False):
        catch_up(database)


def found(database: Database, search: str, **filters: object) -> list[str | None]:
    with database.reading() as db:
        return [note.text for note in db.query(Note).search(Note.words, search, **filters).all()]


def test_documents_with_any_of_the_words_are_found_the_best_first(database: Database) -> None:
    add(database, "red apples", "green apples and pears", "green cars", "nothing", "apples " * 3)
    assert found(database, "green pears ") == ["green apples and pears", "green cars"]
    assert found(database, "PEARS") == ["green apples and pears"]
    assert found(database, "plums") == [] == found(database, "") == found(database, "?!")


def test_the_last_word_may_be_a_beginning(database: Database) -> None:
    add(database, "hello world", "help", "shell")
    assert set(found(database, "hel")) == {"hello world", "help"}
    assert found(database, "hel ") == []
    assert set(found(database, "world hel")) == {"hello world", "help"}


def test_words_of_scripts_without_spaces_are_found(database: Database) -> None:
    add(database, "東京都に行く", "京都の寺", "한국어 공부")
    assert set(found(database, "京都")) == {"東京都に行く", "京都の寺"}
    assert found(database, "東京") == ["東京都に行く"]
    assert found(database, "京東") == []
    assert found(database, "국어") == ["한국어 공부"]


def test_filters_are_part_of_the_search(database: Database) -> None:
    add(database, "red apples", "red cars", folder="a", tags=["x", "y"])
    add(database, "red pears", folder="b", tags=["y"])
    assert set(found(database, "red", folder="a")) == {"red apples", "red cars"}
    assert found(database, "red", folder="b") == ["red pears"]
    assert set(found(database, "red", tags=contains("y"))) == {"red apples", "red cars", "red pears"}
    assert found(database, "apples pears", tags=contains("x"), folder="a") == ["red apples"]
    assert found(database, "red", folder="c") == []


def test_changed_and_deleted_documents_are_found_as_they_are(database: Database) -> None:
    add(database, "one two", "two three")
    with database.reading() as db:
        first, second = db.query(Note).all()
    with database.writing() as db:
        db.patch(first, text="four")
        db.delete(second)
    assert found(database, "two") == []
    assert found(database, "four") == ["four"]
    catch_up(database)
    assert found(database, "two") == []
    assert found(database, "four") == ["four"]


def test_a_transaction_finds_its_own_writes_and_those_it_undid_not(database: Database) -> None:
    add(database, "old words")
    with database.writing() as db:
        old = db.query(Note).search(Note.words, "words").first()
        assert old is not None
        db.insert(Note(text="new words", folder="a"))
        db.patch(old, text="gone")
        assert [note.text for note in db.query(Note).search(Note.words, "words")] == ["new words"]
        assert db.query(Note).search(Note.words, "gone").exists()
        with pytest.raises(Rollback), database.transaction.nested():
            db.insert(Note(text="undone words", folder="a"))
            raise Rollback
        assert db.query(Note).search(Note.words, "undone").count() == 0


def test_a_document_without_text_is_not_found(database: Database) -> None:
    with database.writing() as db:
        db.insert(Note(text=None, folder="a"))
        db.insert(Note(text="", folder="a"))
    catch_up(database)
    assert found(database, "none") == []


def test_conditions_and_predicates_narrow_what_is_found(database: Database) -> None:
    for stars in range(50):
        with database.writing() as db:
            db.insert(Note(text=f"word {stars}", folder="a", stars=stars))
    catch_up(database)
    with database.reading() as db:
        notes = db.query(Note).search(Note.words, "word ")
        assert notes.count() == 50
        assert [note.stars for note in notes.where(stars=49).take(5)] == [49]
        assert [note.stars for note in notes.filter(lambda note: note.stars % 25 == 24).all()] == [24, 49]
        assert [note.stars for note in db.query(Note).where(stars=3).search(Note.words, "word ")] == [3]
        assert notes.where(stars=50).first() is None


def test_scores_fall_and_depend_on_the_words(database: Database) -> None:
    add(database, "rare common", "common", "common filler filler filler", *["other"] * 20)
    with database.reading() as db:
        scored = db.query(Note).search(Note.words, "rare common ").scored(10)
    assert [note.text for note, _ in scored] == ["rare common", "common", "common filler filler filler"]
    scores = [score for _, score in scored]
    assert scores == sorted(scores, reverse=True) and scores[-1] > 0


def test_pages_follow_each_other(database: Database) -> None:
    add(database, *[f"word {'filler ' * number}" for number in range(10)])
    texts: list[str | None] = []
    cursor = None
    done = False
    while not done:
        with database.reading() as db:
            page = db.query(Note).search(Note.words, "word ").paginate(PaginationOptions(3, cursor))
        texts += [note.text for note in page.items]
        cursor, done = page.cursor, page.is_done
    assert texts == found(database, "word ") and len(texts) == 10


TEXTS = st.lists(st.sampled_from(["ada", "bob", "cat", "cats", "dog", "京", "都", "é", "E"]), max_size=6).map(
    " ".join
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(TEXTS, st.sampled_from("ab"), st.integers(0, 9), st.booleans()), max_size=25),
    searches=st.lists(st.tuples(TEXTS, st.sampled_from(["a", "b", None])), min_size=1, max_size=4),
)
def test_an_index_at_any_distance_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, str, int, bool]],
    searches: list[tuple[str, str | None]],
) -> None:
    with_index = indexed(tmp_path_factory.mktemp("search"))
    without = Database([table_of(Note)])
    for text, place, which, work in steps:
        for database in (with_index, without):
            with database.writing() as db:
                known = db.query(Note).all()
                if which < len(known):
                    if which % 3 == 0:
                        db.delete(known[which])
                    else:
                        db.patch(known[which], text=text, folder=place)
                else:
                    db.insert(Note(text=text, folder=place))
        if work:
            catch_up(with_index)
    for search, folder in searches:
        filters = {} if folder is None else {"folder": folder}
        assert sorted(map(str, found(with_index, search, **filters))) == sorted(
            map(str, found(without, search, **filters))
        )
    catch_up(with_index)
    for search, folder in searches:
        filters = {} if folder is None else {"folder": folder}

        def ranked(
            db: DatabaseReader, search: str = search, filters: dict[str, str] = filters
        ) -> list[float]:
            return [
                round(score, 6)
                for _, score in db.query(Note).search(Note.words, search, **filters).scored(50)
            ]

        with with_index.reading() as one, without.reading() as other:
            assert ranked(one) == ranked(other)
    with_index.store.close()
    without.store.close()


def test_an_index_is_resumed_built_and_dropped_as_the_schema_and_the_log_ask(tmp_path: Path) -> None:
    first = indexed(tmp_path)
    add(first, "kept word")
    with first.writing() as db:
        db.insert(Note(text="late word", folder="a"))  # The index has not seen it when the store closes.
    first.store.close()
    second = indexed(tmp_path)
    assert set(found(second, "word")) == {"kept word", "late word"}
    second.store.close()
    for file in tmp_path.glob("search.db*"):
        file.unlink()
    third = indexed(tmp_path)
    assert third.store.text is not None and third.store.text.backlog == 0
    assert set(found(third, "word")) == {"kept word", "late word"}
    third.store.close()


def test_an_index_of_another_history_is_not_used(tmp_path: Path) -> None:
    one, other = indexed(tmp_path / "one"), indexed(tmp_path / "other")
    add(one, "mine")
    one.clock.advance(5)
    add(other, "theirs")
    one.store.close()
    other.store.close()
    for file in (tmp_path / "one").glob("search.db*"):
        file.unlink()
    (tmp_path / "other" / "search.db").rename(tmp_path / "one" / "search.db")
    one = indexed(tmp_path / "one")
    assert found(one, "mine theirs") == ["mine"]
    one.store.close()


@pytest.mark.parametrize(
    ("change", "touches"),
    [
        pytest.param({"text": "green apples"}, True, id="a document that fits"),
        pytest.param({"text": "applesauce"}, True, id="a beginning that fits"),
        pytest.param({"text": "green pears"}, False, id="other words"),
        pytest.param({"text": "green apples", "folder": "b"}, False, id="another filter"),
    ],
)
def test_a_live_search_reruns_for_its_own_words_and_filters_only(
    database: Database, change: dict[str, str], touches: bool
) -> None:
    add(database, "red apples")
    with database.reading() as db:
        db.query(Note).search(Note.words, "apples", folder="a").take(3)
    read_set = database.read_set
    with database.writing() as db:
        db.insert(Note(text=change["text"], folder=change.get("folder", "a")))
    assert read_set.overlaps(database.records[-1]) is touches


def test_a_live_search_reruns_when_a_document_stops_fitting(database: Database) -> None:
    add(database, "red apples")
    with database.reading() as db:
        note = db.query(Note).search(Note.words, "apples").first()
    assert note is not None
    read_set = database.read_set
    for change in ({"text": "pears"}, {"text": "apples"}, {"stars": 3}):
        with database.writing() as db:
            db.patch(note, **change)
        assert read_set.overlaps(database.records[-1])


def test_what_cannot_be_searched_is_said(database: Database) -> None:
    class Other(Document):
        body: str

        words = SearchIndex("body")

    with database.reading() as db:
        notes = db.query(Note)
        with pytest.raises(
            ArgumentError, match=r"is not a search index of notes \(its search indexes: words\)"
        ):
            notes.search(Other.words, "x")
        with pytest.raises(ArgumentError, match=r"stars is not one of its filters \(folder, tags\)"):
            notes.search(Note.words, "x", stars=1)
        with pytest.raises(ArgumentError, match="a search has its own order"):
            notes.order("desc").search(Note.words, "x")
        with pytest.raises(LimitError, match="search results: 2,000 asked for, the limit is 1,024"):
            notes.search(Note.words, "x").take(2000)


def test_a_search_that_finds_too_much_is_refused(tmp_path: Path) -> None:
    database = indexed(tmp_path, Limits(search_results=3))
    add(database, *["word"] * 4)
    with pytest.raises(LimitError, match="search results: more than 3 documents fit"):
        found(database, "word")
    database.store.close()


def test_only_text_can_be_indexed() -> None:
    class Bad(Document):
        count: int

        words = SearchIndex("count")

    with pytest.raises(SetupError, match="full-text search is for text, and `count` is"):
        _ = table_of(Bad).fields
    with pytest.raises(SetupError, match=r"has no field `boddy` \(did you mean `body`\?\)"):

        class Worse(Document):  # pyright: ignore[reportUnusedClass]  # making it is the test
            body: str

            words = SearchIndex("boddy")


class Caller:
    """Whoever is signed in as `subject`."""

    def __init__(self, subject: str | None) -> None:
        self.identity = None if subject is None else Identity(subject, "test")

    def predicate_context(self) -> object:
        return None


def test_rules_hold_in_searches(tmp_path: Path) -> None:
    class Diary(Document):
        user_id: str
        text: str

        by_user = Index("user_id")
        words = SearchIndex("text")
        access = owned_by("user_id")

    class Page_(Document, table="pages"):
        text: str
        public: bool

        words = SearchIndex("text")
        access = Rules(read=lambda ctx, page: page.public)

    database = Database(
        [table_of(Diary), table_of(Page_)], store=Store.open(tmp_path / "data", clock=FakeClock())
    )
    with database.writing() as db:
        for number in range(100):
            db.insert(Diary(user_id="ada" if number % 10 == 0 else "bob", text=f"secret {number}"))
            db.insert(Page_(text=f"secret {number}", public=number % 50 == 49))
    for _ in range(2):
        for subject, count in (("ada", 10), ("bob", 90), ("eve", 0), (None, 0)):
            with database.reading(caller=Caller(subject)) as reader:
                entries = reader.query(Diary).search(Diary.words, "secret ").all()
                assert len(entries) == count and {entry.user_id for entry in entries} <= {subject}
        with database.reading(caller=Caller("ada")) as reader:
            assert reader.query(Diary).search(Diary.words, "secret ").where(user_id="bob").count() == 0
            assert {page.text for page in reader.query(Page_).search(Page_.words, "secret ").take(5)} == {
                "secret 49",
                "secret 99",
            }
        catch_up(database)
    database.store.close()
