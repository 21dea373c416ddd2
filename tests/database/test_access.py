"""`ctx.db`, sentence by sentence: what it gives, and what it says when it is asked for something else."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from support.databases import Database
from syncline.kernel.errors import (
    ArgumentError,
    CursorError,
    DocumentError,
    LimitError,
    NotFoundError,
    SetupError,
    UniqueError,
)
from syncline.kernel.limits import Limits
from syncline.schema import (
    UNSET,
    Document,
    Id,
    Index,
    PaginationOptions,
    between,
    contains,
    gte,
    lt,
    table_of,
)


class User(Document):
    name: str
    email: str | None = None

    by_name = Index("name", unique=True)
    by_email = Index("email", unique=True)


class Message(Document):
    channel: str
    body: str
    likes: int = 0
    tags: list[str] = []
    author: Id[User] | None = None

    by_channel = Index("channel")
    by_likes = Index("channel", "likes")
    by_tag = Index("tags", each=True)


class Stranger(Document):
    name: str


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database([table_of(User), table_of(Message)])
    yield made
    made.store.close()


def with_limits(database: Database, **limits: int) -> None:
    database.limits = replace(Limits(), **limits)


def test_an_inserted_document_has_an_id_and_a_creation_time(database: Database) -> None:
    now = datetime.fromtimestamp(database.clock.wall_ns() / 1e9, UTC)
    with database.writing() as db:
        first = db.insert(Message(channel="a", body="1"))
        second = db.insert(Message(channel="a", body="2"))
    with database.reading() as db:
        one, two = db.require(first), db.require(second)
    assert (one.id, one.body, one.likes, one.tags) == (first, "1", 0, [])
    assert one.created_at == now
    assert two.created_at - one.created_at == timedelta(microseconds=1)


def test_get_gives_none_for_what_is_gone_and_an_error_for_what_is_no_id(database: Database) -> None:
    with database.writing() as db:
        id = db.insert(Message(channel="a", body="1"))
        db.delete(id)
        assert db.get(id) is None
        with pytest.raises(NotFoundError, match=f"there is no document {id} in messages"):
            db.require(id)
        with pytest.raises(
            ArgumentError, match=r"not a document id: .*'abc'.* ids have 31, 32, 34, 36 or 37 characters"
        ):
            db.get(Id[Message]("abc"))


def test_get_many_keeps_the_order_of_its_ids(database: Database) -> None:
    with database.writing() as db:
        ids = db.insert_many([Message(channel="a", body=body) for body in "123"])
        db.delete(ids[1])
        found = db.get_many(reversed(ids))
    assert [message.body if message else None for message in found] == ["3", None, "1"]


def test_normalize_id_knows_the_ids_of_a_table(database: Database) -> None:
    with database.writing() as db:
        id = db.insert(Message(channel="a", body="1"))
        assert db.normalize_id(Message, str(id)) == id
        assert db.normalize_id(User, str(id)) is None
        assert db.normalize_id(Message, "nonsense") is None


def test_patch_changes_fields_and_unset_restores_defaults(database: Database) -> None:
    with database.writing() as db:
        id = db.insert(Message(channel="a", body="1", likes=5, tags=["x"]))
        db.patch(id, likes=UNSET, body="2")
        message = db.require(id)
        assert (message.likes, message.body, message.tags) == (0, "2", ["x"])
        with pytest.raises(DocumentError, match=r"`messages` has no field `bdy` \(did you mean `body`\?\)"):
            db.patch(id, bdy="3")
        with pytest.raises(DocumentError, match=r"messages\.likes"):
            db.patch(id, likes="many")
        assert db.require(id).body == "2"


def test_replace_keeps_id_and_creation_time(database: Database) -> None:
    with database.writing() as db:
        id = db.insert(Message(channel="a", body="1", likes=5))
        before = db.require(id)
        db.replace(before, Message(channel="b", body="2"))
        after = db.require(id)
        assert (after.id, after.created_at, after.channel, after.likes) == (id, before.created_at, "b", 0)
        assert db.query(Message).where(channel="a").count() == 0


def test_writes_to_what_does_not_exist_say_so(database: Database) -> None:
    with database.writing() as db:
        id = db.insert(Message(channel="a", body="1"))
        db.delete(id)
        with pytest.raises(NotFoundError, match="there is no document"):
            db.patch(id, body="2")
        with pytest.raises(NotFoundError, match="there is no document"):
            db.replace(id, Message(channel="a", body="2"))
        with pytest.raises(NotFoundError, match="there is no document"):
            db.delete(id)


def test_a_unique_index_names_itself_only_and_none_may_repeat(database: Database) -> None:
    with database.writing() as db:
        ann = db.insert(User(name="ann", email="ann@example.com"))
        bob = db.insert(User(name="bob"))
        db.insert(User(name="cy"))
        with pytest.raises(
            UniqueError,
            match=r"already exists in the unique index users\.by_name\. Look for it first \(`where`, then `unique`\), "
            r"and change that one; or catch UniqueError where it is expected$",
        ) as caught:
            db.insert(User(name="ann", email="other@example.com"))
        assert caught.value.client_data() == {"code": "not_unique", "message": str(caught.value)}
        with pytest.raises(UniqueError, match=r"users\.by_email"):
            db.patch(bob, email="ann@example.com")
        db.patch(ann, name="ann")
        db.patch(ann, email=None)
        db.patch(bob, email="ann@example.com")
        assert db.query(User).where(email=None).count() == 2


def test_a_refused_insert_that_the_caller_catches_leaves_nothing(database: Database) -> None:
    with database.writing() as db:
        db.insert(User(name="ann", email="a@example.com"))
        with pytest.raises(UniqueError):
            db.insert(User(name="new", email="a@example.com"))
        assert db.query(User).where(name="new").first() is None
        db.insert(User(name="new"))
    with database.reading() as db:
        assert [user.name for user in db.query(User).index(User.by_name)] == ["ann", "new"]


def test_where_orders_by_its_range_and_otherwise_by_creation(database: Database) -> None:
    with database.writing() as db:
        for likes, channel in ((3, "a"), (1, "a"), (2, "b"), (1, "a")):
            db.insert(Message(channel=channel, body=str(likes), likes=likes))
    with database.reading() as db:
        assert [m.likes for m in db.query(Message).where(channel="a")] == [3, 1, 1]
        assert [m.likes for m in db.query(Message).where(channel="a", likes=gte(1))] == [1, 1, 3]
        assert [m.likes for m in db.query(Message).where(likes=between(1, 2)).order("desc")] == [2, 1, 1]


def test_created_at_serves_ranges(database: Database) -> None:
    with database.writing() as db:
        ids = db.insert_many([Message(channel="a", body=str(n)) for n in range(3)])
        middle = db.require(ids[1]).created_at
        assert [m.body for m in db.query(Message).where(created_at=gte(middle))] == ["1", "2"]
        assert [m.body for m in db.query(Message).where(channel="a", created_at=lt(middle))] == ["0"]
        with pytest.raises(ArgumentError, match="created_at compares with aware datetimes"):
            db.query(Message).where(created_at=gte(5))


def test_what_where_cannot_use_is_refused_with_the_nearest_name(database: Database) -> None:
    with database.reading() as db:
        query = db.query(Message)
        with pytest.raises(
            ArgumentError, match=r"where: messages has no field chanel\. Did you mean channel\?"
        ):
            query.where(chanel="a")
        with pytest.raises(DocumentError, match=r"messages\.likes"):
            query.where(likes="many")
        with pytest.raises(DocumentError, match="is not a list"):
            query.where(channel=contains("x"))
        with pytest.raises(ArgumentError, match="channel already has a condition"):
            query.where(channel="a").where(channel="b")
        with pytest.raises(SetupError, match="Stranger is not a table of this application"):
            db.query(Stranger)


def test_an_index_is_used_from_its_first_field_on(database: Database) -> None:
    with database.reading() as db:
        query = db.query(Message)
        assert query.index(Message.by_likes, channel="a", likes=gte(1)).all() == []
        with pytest.raises(ArgumentError, match=r"messages\.by_likes \(channel, likes\) cannot use likes"):
            query.index(Message.by_likes, likes=1)
        with pytest.raises(
            ArgumentError, match=r"not an index of messages \(its indexes: by_channel, by_likes, by_tag\)"
        ):
            query.index(User.by_name, name="a")
        with pytest.raises(ArgumentError, match=r"\.index\(\.\.\.\) was given twice"):
            query.index(Message.by_channel).index(Message.by_channel)


def test_an_index_with_an_entry_per_element_finds_each_document_once(database: Database) -> None:
    with database.writing() as db:
        for tags in (["x", "x"], ["y"], [], ["y", "x"]):
            db.insert(Message(channel="a", body=" ".join(tags), tags=tags))
    with database.reading() as db:
        query = db.query(Message)
        assert [m.body for m in query.where(tags=contains("x"))] == ["x x", "y x"]
        assert [m.body for m in query.where(tags=["y"])] == ["y"]
        assert [m.body for m in query.index(Message.by_tag, tags=contains("y")).order("desc")] == ["y x", "y"]
        with pytest.raises(
            ArgumentError, match=r"messages\.by_tag has an entry per element: say which one, tags=contains"
        ):
            query.index(Message.by_tag)


def test_ends_say_what_is_wrong_with_them(database: Database) -> None:
    with database.writing() as db:
        db.insert_many([Message(channel="a", body=str(n)) for n in range(3)])
        with pytest.raises(LimitError, match=r"unique\(\) found more than one document"):
            db.query(Message).where(channel="a").unique()
        with pytest.raises(ArgumentError, match=r"take\(-1\)"):
            db.query(Message).take(-1)
        with pytest.raises(ArgumentError, match=r"\.order\(\.\.\.\) was given twice"):
            db.query(Message).order("asc").order("desc")
        assert db.query(Message).take(0) == []
        assert db.query(Message).where(channel="a").order("desc").first() is not None


def test_a_query_reads_no_more_than_it_consumes(database: Database) -> None:
    with database.writing() as db:
        ids = db.insert_many([Message(channel="a", body=str(n)) for n in range(100)])
    with database.reading() as db:
        assert len(db.query(Message).where(channel="a").order("desc").take(2)) == 2
    read_set = database.read_set
    with database.writing() as db:
        db.patch(ids[0], likes=1)
    assert not read_set.overlaps(database.records[-1])
    with database.writing() as db:
        db.patch(ids[99], likes=1)
    assert read_set.overlaps(database.records[-1])
    with database.writing() as db:
        db.insert(Message(channel="b", body="other"))
    assert not read_set.overlaps(database.records[-1])
    with database.writing() as db:
        db.insert(Message(channel="a", body="newer"))
    assert read_set.overlaps(database.records[-1])


def test_limits_name_what_was_used_and_the_way_out(database: Database) -> None:
    with database.writing() as db:
        db.insert_many([Message(channel="a", body="x" * 100) for _ in range(20)])
    with_limits(database, read_documents=10)
    with (
        database.reading() as db,
        pytest.raises(LimitError, match=r"read documents: 11 used, the limit is 10\. Read less"),
    ):
        db.query(Message).all()
    with_limits(database, read_bytes=1000)
    with (
        database.reading() as db,
        pytest.raises(LimitError, match=r"read bytes: .* the limit is 1,000\. Read less"),
    ):
        db.query(Message).take(20)
    with_limits(database, read_ranges=3)
    with database.reading() as db, pytest.raises(LimitError, match=r"read ranges: 4 used, the limit is 3"):
        for _ in range(4):
            db.query(Message).first()
    with_limits(database, write_documents=2)
    with (
        pytest.raises(LimitError, match=r"write documents: 3 used, the limit is 2\. Write in several"),
        database.writing() as db,
    ):
        db.insert_many([Message(channel="a", body="x") for _ in range(3)])
    with_limits(database, document_bytes=500)
    with database.writing() as db, pytest.raises(LimitError, match="Value is too large"):
        db.insert(Message(channel="a", body="x" * 600))


def test_a_rolled_back_nested_transaction_gives_its_writes_back(database: Database) -> None:
    with_limits(database, write_documents=3)
    with database.writing() as db:
        for _ in range(5):
            with pytest.raises(RuntimeError), database.transaction.nested():
                db.insert_many([Message(channel="a", body="x") for _ in range(3)])
                raise RuntimeError
        db.insert(Message(channel="a", body="kept"))
    with database.reading() as db:
        assert [message.body for message in db.query(Message)] == ["kept"]


# Pagination


def page_of(
    database: Database, size: int, cursor: str | None = None, journal: str | None = None
) -> list[str]:
    with database.reading(journal) as db:
        options = PaginationOptions(num_items=size, cursor=cursor)
        database.page = page = db.query(Message).where(channel="a").paginate(options)
    return [message.body for message in page.items]


def test_a_live_page_keeps_its_end(database: Database) -> None:
    with database.writing() as db:
        ids = db.insert_many([Message(channel="a", body=str(n)) for n in range(4)])
    assert page_of(database, 2) == ["0", "1"]
    journal, cursor = database.journal, database.page.cursor
    assert page_of(database, 2, cursor) == ["2", "3"]
    with database.writing() as db:
        db.delete(ids[1])
    assert page_of(database, 2, journal=journal) == ["0"]
    assert database.page.cursor == cursor
    assert not database.page.is_done


def test_the_last_page_takes_what_comes_later(database: Database) -> None:
    with database.writing() as db:
        db.insert(Message(channel="a", body="0"))
    assert page_of(database, 5) == ["0"]
    assert database.page.is_done
    journal, cursor = database.journal, database.page.cursor
    with database.writing() as db:
        db.insert_many([Message(channel="a", body=str(n)) for n in range(1, 10)])
    assert page_of(database, 5, journal=journal) == [str(n) for n in range(10)]
    assert database.page.is_done
    assert page_of(database, 5, cursor) == []
    assert database.page.is_done


def test_a_page_begins_anew_if_its_end_was_one_of_other_rows(database: Database) -> None:
    with database.writing() as db:
        db.insert_many([Message(channel="a", body=str(n)) for n in range(4)])
        db.insert_many([Message(channel="b", body=f"b{n}") for n in range(4)])
    page_of(database, 3)
    journal = database.journal
    with database.reading(journal) as db:
        page = db.query(Message).where(channel="b").paginate(PaginationOptions(num_items=2, cursor=None))
    assert [message.body for message in page.items] == ["b0", "b1"]
    assert database.journal == page.cursor != journal


def test_a_page_survives_the_deletion_of_its_boundary(database: Database) -> None:
    with database.writing() as db:
        ids = db.insert_many([Message(channel="a", body=str(n)) for n in range(4)])
    page_of(database, 2)
    cursor = database.page.cursor
    with database.writing() as db:
        db.delete(ids[1])
    assert page_of(database, 2, cursor) == ["2", "3"]


def test_cursors_of_other_queries_and_made_up_ones_are_refused(database: Database) -> None:
    with database.writing() as db:
        db.insert_many([Message(channel="a", body=str(n)) for n in range(4)])
    page_of(database, 2)
    cursor = database.page.cursor
    for wrong in ("", "nonsense", cursor[:-4], "A" + cursor[1:]):
        with pytest.raises(CursorError, match="InvalidCursor"):
            page_of(database, 2, wrong)
    options = PaginationOptions(num_items=2, cursor=cursor)
    with database.reading() as db, pytest.raises(CursorError):
        db.query(Message).where(channel="b").paginate(options)
    with database.reading() as db, pytest.raises(CursorError):
        db.query(Message).where(channel="a").order("desc").paginate(options)


def test_a_cursor_shows_nothing_of_what_it_stands_for(database: Database) -> None:
    """Neither the values in it nor how long they are."""
    sizes: set[int] = set()
    for body in ("confidential", "confidential" * 2):
        with database.writing() as db:
            db.insert(Message(channel=body, body="first"))
            db.insert(Message(channel=body, body="second"))
        with database.reading() as db:
            newest = db.query(Message).index(Message.by_channel).order("desc")
            page = newest.paginate(PaginationOptions(num_items=1, cursor=None))
        raw = urlsafe_b64decode(page.cursor)
        assert b"conf" not in raw
        sizes.add(len(raw))
    assert len(sizes) == 1


def test_a_page_can_be_split_in_two(database: Database) -> None:
    with database.writing() as db:
        db.insert_many([Message(channel="a", body=str(n)) for n in range(6)])
    page_of(database, 6)
    whole = database.page
    assert whole.split_cursor is not None
    with database.reading() as db:
        first = (
            db.query(Message)
            .where(channel="a")
            .paginate(PaginationOptions(num_items=6, cursor=None, end_cursor=whole.split_cursor))
        )
    with database.reading() as db:
        second = (
            db.query(Message)
            .where(channel="a")
            .paginate(PaginationOptions(num_items=6, cursor=whole.split_cursor, end_cursor=whole.cursor))
        )
    assert [m.body for m in (*first.items, *second.items)] == [str(n) for n in range(6)]
    assert first.items and second.items


def test_a_function_paginates_once_and_asks_for_something(database: Database) -> None:
    with database.reading() as db:
        with pytest.raises(ArgumentError, match="Must request at least 1 document while paginating"):
            db.query(Message).paginate(PaginationOptions(num_items=0, cursor=None))
        with pytest.raises(ArgumentError, match="a function paginates once"):
            db.query(Message).paginate(PaginationOptions(num_items=1, cursor=None))
