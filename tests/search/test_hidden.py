"""What a search gives a caller is the same whether or not there are documents that he must not see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.databases import Database
from syncline.kernel.clock import FakeClock
from syncline.kernel.identity import Identity
from syncline.kernel.limits import Limits
from syncline.schema import (
    Document,
    Id,
    Index,
    PaginationOptions,
    Rules,
    SearchIndex,
    members,
    owned_by,
    public_read,
    table_of,
)
from syncline.store import Store


class Diary(Document):
    user_id: str
    text: str
    mood: str = ""

    words = SearchIndex("text", filters=("mood", "user_id"))
    access = owned_by("user_id")


class Member(Document):
    subject: str
    team: str

    by_subject = Index("subject", "team")


class Plan(Document):
    team: str
    text: str

    words = SearchIndex("text", filters=("team",))
    access = members("team", via=Member.by_subject, field="team")


class Draft(Document):
    text: str
    public: bool

    words = SearchIndex("text")
    access = Rules(read=lambda ctx, draft: draft.public)


class Article(Document):
    user_id: str
    text: str

    words = SearchIndex("text")
    access = public_read(owner="user_id")


SPECS = [table_of(each) for each in (Diary, Member, Plan, Draft, Article)]
SEARCHABLE: tuple[type[Diary | Plan | Draft], ...] = (Diary, Plan, Draft)


class Ada:
    """Ada is signed in."""

    identity = Identity("ada", "test")

    def predicate_context(self) -> object:
        return None


def opened(path: Path | None, limits: Limits | None = None) -> Database:
    store = None if path is None else Store.open(path, clock=FakeClock())
    database = Database(SPECS, limits, store)
    with database.writing() as db:
        db.insert(Member(subject="ada", team="red"))
        db.insert(Member(subject="ada", team="blue"))
        db.insert(Member(subject="bob", team="black"))
    return database


def add(database: Database, text: str, *, seen: bool) -> None:
    """A document with this text in each table, which Ada sees or does not."""
    with database.writing() as db:
        db.insert(Diary(user_id="ada" if seen else "bob", text=text))
        db.insert(Plan(team=("red" if len(text) % 2 else "blue") if seen else "black", text=text))
        db.insert(Draft(text=text, public=seen))


def results(database: Database, words: str) -> list[object]:
    """All that Ada learns by searches."""
    told: list[object] = []
    for cls in SEARCHABLE:
        with database.reading(caller=Ada()) as db:
            search = db.query(cls).search(cls.words, words)
            told.append([(document.text, score) for document, score in search.scored(20)])
            told.append([search.count(), search.exists(), [each.text for each in search.take(2)]])
    with database.reading(caller=Ada()) as db:
        page = db.query(Diary).search(Diary.words, words).paginate(PaginationOptions(2))
        told.append(([each.text for each in page.items], page.is_done))
    with database.reading(caller=Ada()) as db:
        own = db.query(Diary).search(Diary.words, words, user_id="ada", mood="")
        told.append([(document.text, score) for document, score in own.scored(20)])
        own_team = db.query(Plan).search(Plan.words, words, team="red")
        told.append([(document.text, score) for document, score in own_team.scored(20)])
    return told


def catch_up(database: Database) -> None:
    while database.store.text is not None and database.store.text.work():
        pass


TEXTS = st.lists(st.sampled_from(["ada", "bob", "cat", "cats", "dog", "京", "é"]), max_size=6).map(" ".join)


STEPS = st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=12)
LATE = st.lists(st.tuples(TEXTS, st.booleans()), max_size=4)
SEARCHES = st.lists(TEXTS, min_size=1, max_size=3)


def compare(
    everything: Database,
    seen_only: Database,
    steps: list[tuple[str, bool]],
    late: list[tuple[str, bool]],
    searches: list[str],
) -> None:
    """Fill two databases, one of them with what is hidden, too; the index has not seen what comes late."""
    for texts in (steps, late):
        for text, seen in texts:
            add(everything, text, seen=seen)
            if seen:
                add(seen_only, text, seen=True)
        if texts is steps:
            catch_up(everything)
            catch_up(seen_only)
    for words in searches:
        assert results(everything, words) == results(seen_only, words)
    everything.store.close()
    seen_only.store.close()


@settings(deadline=None, max_examples=25)
@given(steps=STEPS, searches=SEARCHES)
def test_results_scores_and_order_do_not_depend_on_hidden_documents(
    steps: list[tuple[str, bool]], searches: list[str]
) -> None:
    compare(opened(None), opened(None), steps, [], searches)


@settings(deadline=None, max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, late=LATE, searches=SEARCHES)
def test_an_index_tells_nothing_of_hidden_documents(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, bool]],
    late: list[tuple[str, bool]],
    searches: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("hidden")
    compare(opened(folder / "all"), opened(folder / "seen"), steps, late, searches)


@pytest.fixture(params=[True, False], ids=["index", "no index"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = opened(tmp_path / "data" if request.param else None, Limits(search_results=8))
    yield made
    made.store.close()


def test_hidden_documents_take_no_place_among_what_a_search_looks_at(database: Database) -> None:
    for number in range(30):
        add(database, f"word word word {number}", seen=False)
    for number in range(8):
        add(database, f"word {number} {'filler ' * 9}", seen=True)
    catch_up(database)
    for cls in SEARCHABLE:
        with database.reading(caller=Ada()) as db:
            assert db.query(cls).search(cls.words, "word ").count() == 8


def test_scores_are_those_of_the_whole_index_where_nothing_is_hidden(database: Database) -> None:
    with database.writing() as db:
        for number in range(7):
            db.insert(Article(user_id="bob", text="common rare" if number == 0 else "common common"))
    catch_up(database)
    with database.reading(caller=Ada()) as db:
        seen = [score for _, score in db.query(Article).search(Article.words, "rare common").scored(8)]
    with database.reading() as db:
        inside = [score for _, score in db.query(Article).search(Article.words, "rare common").scored(8)]
    assert seen == inside and seen[0] > seen[1]


def test_rare_words_count_more_among_ones_own_documents(database: Database) -> None:
    for text in ("rare filler", "common filler", "common filler", "common filler"):
        add(database, text, seen=True)
    catch_up(database)
    for cls in SEARCHABLE[:2]:
        with database.reading(caller=Ada()) as db:
            best = db.query(cls).search(cls.words, "common rare ").first()
        assert best is not None and best.text == "rare filler"


def test_an_id_is_found_by_nobody_else(database: Database) -> None:
    add(database, "secret", seen=False)
    with database.reading(caller=Ada()) as db:
        assert all(not db.query(cls).search(cls.words, "secret").exists() for cls in SEARCHABLE)
    with database.reading() as db:
        hidden: Id[Diary] = db.query(Diary).search(Diary.words, "secret").take(1)[0].id
    with database.reading(caller=Ada()) as db:
        assert db.get(hidden) is None
