"""An import adds every row of a file or changes nothing, keeps ids wherever it can, and says what is wrong where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.imports import (
    bind,
    document_id,
    documents,
    export_file,
    import_file,
    keys_of_index,
    lines,
    write_zip,
)
from support.values import values
from syncline import Aggregate, Document, Id, Index, Int64
from syncline.database import Catalog
from syncline.database.aggregate_building import find_wrong_aggregates
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import SetupError
from syncline.store import Commit, DocumentWrite, EntryWrite, LoadRefusedError, LogTrimmedError, Store
from syncline.transfer import Format, Mode, open_contents
from syncline.values import decode_id, encode_id

MIN, MAX = datetime(1900, 1, 1), datetime(2200, 1, 1)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Place(TypedDict):
    city: str
    visits: Int64


class ImportUser(Document, table="users"):
    name: str
    age: int = 0

    by_name = Index("name", unique=True)
    ages = Aggregate("age")


class ImportPost(Document, table="posts"):
    author: Id[ImportUser]
    text: str
    likes: Int64 = Int64(0)
    tags: list[str] = []
    readers: list[Id[ImportUser]] = []

    by_author = Index("author", "likes")
    by_tag = Index("tags", each=True)


class ImportThing(Document, table="things"):
    anything: Any = None
    number: float = 0.0
    whole: int = 0
    big: Int64 = Int64(0)
    raw: bytes = b""
    text: str = ""
    maybe: str | None = None
    mixed: int | str | list[Int64] | None = None
    at: datetime | None = None
    day: date | None = None
    key: UUID | None = None
    amount: Decimal | None = None
    color: Color = Color.RED
    place: Place | None = None
    scores: dict[str, float] = {}
    self_id: Id[ImportThing] | None = None
    small: Annotated[int, msgspec.Meta(ge=0)] = 0

    by_text = Index("text", "number")
    by_anything = Index("anything")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory(FakeClock()) as store:
        yield store


def number_of(store: Store, table: str) -> int:
    return next(info.number for info in store.tables() if info.name == table)


def make_post(author: int, table: int = 10_001, **fields: object) -> dict[str, object]:
    return {"author": document_id(table, author), "text": "x", **fields}


# A whole application


def convex_zip(path: Path) -> Path:
    """An export of an application whose tables have other numbers than here."""
    users = [
        {"_id": document_id(10_007, number), "_creationTime": 1.7e12 + number / 4, "name": name, "age": 30.0}
        for number, name in enumerate(["Ada", "Bob"], 1)
    ]
    posts = [
        {
            "_id": document_id(10_003, 1),
            "_creationTime": 1.7e12,
            "author": users[0]["_id"],
            "text": "hi",
            "likes": 5,
            "tags": ["a", "b", "a"],
            "readers": [users[0]["_id"], users[1]["_id"]],
        }
    ]
    tables = [{"name": "posts", "id": 10_003}, {"name": "users", "id": 10_007}, {"name": "old", "id": 10_001}]
    return write_zip(
        path,
        {
            "README.md": "# Welcome",
            "_tables/documents.jsonl": lines(tables),
            "posts/generated_schema.jsonl": '"uniform"\n',
            "posts/documents.jsonl": lines(posts),
            "users/generated_schema.jsonl": '"uniform"\n',
            "users/documents.jsonl": lines(users),
        },
    )


def test_an_application_moves_in_with_all_its_ids_unchanged(store: Store, tmp_path: Path) -> None:
    catalog = bind(store, ImportUser, ImportPost)
    added, told = import_file(store, catalog, convex_zip(tmp_path / "app.zip"))
    assert (added, told) == (3, [])
    assert number_of(store, "posts") == 10_003
    assert number_of(store, "users") == 10_007
    [post] = documents(store, "posts")
    assert post["_id"] == document_id(10_003, 1)
    assert post["author"] == document_id(10_007, 1)
    assert post["likes"] == {"$integer": "BQAAAAAAAAA="}
    assert [user["_creationTime"] for user in documents(store, "users")] == [1.7e12 + 0.25, 1.7e12 + 0.5]


def test_after_an_import_the_schema_binds_and_all_indexes_are_right(store: Store, tmp_path: Path) -> None:
    import_file(store, bind(store, ImportUser, ImportPost), convex_zip(tmp_path / "app.zip"))
    catalog = bind(store, ImportUser, ImportPost)
    assert damage(store, catalog) == []
    assert len(keys_of_index(store, "posts", "by_tag")) == 2
    assert len(keys_of_index(store, "users", "by_name")) == 2


def damage(store: Store, catalog: Catalog) -> list[str]:
    def keys_of(table: Any, binding: Any) -> Callable[[bytes, int, bytes], list[bytes]]:
        def keys(id: bytes, shape: int, body: bytes) -> list[bytes]:
            from syncline.schema import read_head

            tail = read_head(body)[1].to_bytes(8, "big") + id
            fields = table.codec.decode_body(table.current(shape, body))
            return [part + tail for part, _ in table.codec.index_keys(binding.index, fields)]

        return keys

    with closing(store.reader()) as reader:
        reader.begin()
        wrong = find_wrong_aggregates(reader, catalog)
    return wrong + store.check(
        {
            binding.id: keys_of(table, binding)
            for table in catalog.by_number.values()
            for binding in table.indexes
        }
    )


# Round trips


def things(number: int) -> st.SearchStrategy[dict[str, object]]:
    text = st.text(st.characters(codec="utf-8"), max_size=8)
    floats = st.floats(width=64)
    small = st.integers(-5, 5)
    big = small.map(Int64)
    fields: dict[str, st.SearchStrategy[object]] = {
        "anything": values,
        "number": floats,
        "whole": st.integers(-(2**53), 2**53),
        "big": st.integers(-(2**63), 2**63 - 1).map(Int64),
        "raw": st.binary(max_size=8),
        "text": text,
        "maybe": st.none() | text,
        "mixed": st.none() | small | text | st.lists(big, max_size=3),
        "at": st.none() | st.datetimes(MIN, MAX, timezones=st.just(UTC)),
        "day": st.none() | st.dates(),
        "key": st.none() | st.uuids(),
        "amount": st.none() | st.decimals(allow_nan=False, allow_infinity=False),
        "color": st.sampled_from(list(Color)),
        "place": st.none() | st.fixed_dictionaries({"city": text, "visits": big}),
        "scores": st.dictionaries(st.sampled_from(["a", "b", "c"]), floats),
        "self_id": st.none() | st.integers(0, 9).map(lambda item: document_id(number, item)),
        "small": st.integers(0, 5),
    }
    return st.fixed_dictionaries(fields)


def insert(store: Store, catalog: Catalog, *documents: Document) -> None:
    for number, document in enumerate(documents, 1):
        table = catalog.of(type(document))
        internal = number.to_bytes(16, "big")
        created = 1_700_000_000_000_000 + number * 7
        fields = table.codec.to_fields(document)
        body = table.codec.encode_body(fields, encode_id(table.number, internal), created)
        tail = created.to_bytes(8, "big") + internal
        entries = [EntryWrite(table.by_creation, tail, True)]
        entries += [
            EntryWrite(binding.id, part + tail, True)
            for binding in table.indexes
            for part, _ in table.codec.index_keys(binding.index, fields)
        ]
        write = DocumentWrite(table.number, internal, body, table.shape)
        store.append([Commit(store.next_ts(), (write,), tuple(entries))])


# Three stores with all their tables are made for each example.
@settings(deadline=None, max_examples=25)
@given(st.lists(things(10_001), max_size=4))
def test_an_export_that_is_imported_and_exported_again_has_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    with Store.memory(FakeClock()) as first:
        insert(first, bind(first, ImportThing), *(ImportThing(**row) for row in rows))
        exported = export_file(first, folder / "first.zip")
    with Store.memory(FakeClock()) as second:
        # Here the table has another number at first.
        catalog = bind(second, ImportUser, ImportThing)
        bind(second, ImportPost)
        added, told = import_file(second, catalog, folder / "first.zip")
        assert (added, told) == (len(rows), [])
        catalog = bind(second, ImportUser, ImportThing)
        assert damage(second, catalog) == []
    with Store.memory(FakeClock()) as third:
        catalog = bind(third, ImportThing)
        import_file(third, catalog, folder / "first.zip")
        assert export_file(third, folder / "third.zip") == exported


def test_csv_of_an_export_comes_back(store: Store, tmp_path: Path) -> None:
    from syncline.transfer import export_csv, open_snapshot

    catalog = bind(store, ImportThing)
    row = ImportThing(
        number=math.inf, whole=3, big=Int64(2**60), raw=b"\x01", text='a,"b"\n', maybe=None, mixed="x",
        place={"city": "Bern", "visits": Int64(2)}, scores={"a": 1.0},
    )  # fmt: skip
    insert(store, catalog, row)
    before = documents(store, "things")
    with open_snapshot(store) as snapshot:
        export_csv(snapshot, snapshot.table("things"), tmp_path / "things.csv", lambda progress: None)
    added, _ = import_file(store, catalog, tmp_path / "things.csv", "things", Mode.REPLACE)
    assert added == 1
    assert documents(store, "things") == before


# Values


@pytest.mark.parametrize(
    ("field", "written", "stored"),
    [
        ("number", 5, 5.0),
        ("whole", 5.0, 5.0),
        ("big", 5, {"$integer": "BQAAAAAAAAA="}),
        ("anything", 5, 5.0),
        ("anything", [1, {"a": 2}], [1.0, {"a": 2.0}]),
        ("mixed", 5, 5.0),
        ("mixed", [5], [{"$integer": "BQAAAAAAAAA="}]),
        ("at", 1_700_000_000_000, 1.7e12),
        ("raw", {"$bytes": "AA=="}, {"$bytes": "AA=="}),
    ],
)
def test_numbers_of_json_lines_take_the_type_of_their_field(
    store: Store, tmp_path: Path, field: str, written: object, stored: object
) -> None:
    path = tmp_path / "things.jsonl"
    path.write_text(lines([{field: written}]))
    import_file(store, bind(store, ImportThing), path, "things")
    assert documents(store, "things")[0][field] == stored


def test_older_exports_with_strings_for_integers_and_bytes_are_understood(
    store: Store, tmp_path: Path
) -> None:
    id = document_id(10_001, 1)
    row = {"_id": id, "big": "7", "raw": "AQ==", "number": "Infinity", "text": "7", "anything": ["3", "x"]}
    path = write_zip(
        tmp_path / "old.zip",
        {
            "_tables/documents.jsonl": lines([{"name": "things", "id": 10_001}]),
            "things/generated_schema.jsonl": lines(["{...}", {id: {"anything": ["int64", "infer"]}}]),
            "things/documents.jsonl": lines([row]),
        },
    )
    import_file(store, bind(store, ImportThing), path)
    [found] = documents(store, "things")
    assert found["big"] == {"$integer": "BwAAAAAAAAA="}
    assert found["raw"] == {"$bytes": "AQ=="}
    assert found["number"] == {"$float": "AAAAAAAA8H8="}
    assert found["text"] == "7"
    assert found["anything"] == [{"$integer": "AwAAAAAAAAA="}, "x"]


def test_a_json_array_is_imported_and_rows_get_ids_and_times_in_their_order(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "users.json"
    path.write_text('\ufeff[{"name": "b"}, {"name": "a", "age": 4}]', encoding="utf-8")
    import_file(store, bind(store, ImportUser), path, "users")
    found = documents(store, "users")
    assert [(user["name"], user["age"]) for user in found] == [("b", 0.0), ("a", 4.0)]
    assert all(decode_id(str(user["_id"]))[0] == number_of(store, "users") for user in found)


def test_cells_of_csv_take_the_type_of_their_field(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "things.csv"
    path.write_text("text,whole,maybe,anything,number,mixed\n5,05,,5,1e3,x\n,7,x,word,,4\n")
    import_file(store, bind(store, ImportThing), path, "things")
    first, second = documents(store, "things")
    assert [first[name] for name in ("text", "whole", "maybe", "anything", "number", "mixed")] == [
        "5", 5.0, None, 5.0, 1000.0, "x",
    ]  # fmt: skip
    assert [second[name] for name in ("text", "whole", "maybe", "anything", "number", "mixed")] == [
        "", 7.0, "x", "word", 0.0, 4.0,
    ]  # fmt: skip


# Rows that do not fit


def refused(
    store: Store, path: Path, table: str | None, *classes: type[Document], mode: Mode = Mode.REQUIRE_EMPTY
) -> str:
    """Why a file cannot be imported. Checks that nothing was changed."""
    catalog = bind(store, *classes)
    before = {cls: documents(store, catalog.of(cls).name) for cls in classes}
    head = store.head
    with pytest.raises(SetupError) as caught:
        import_file(store, catalog, path, table, mode)
    assert {cls: documents(store, catalog.of(cls).name) for cls in classes} == before
    assert store.head == head
    return str(caught.value)


def test_bad_rows_are_named_with_file_line_path_and_what_was_expected(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    path.write_text(
        lines([{"name": "a"}, {"name": 1}, {"nmae": "x"}])
        + '\n{"name": "b", "age": \nnothing\n[1]\n'
        + lines([{"name": "c", "_id": "x"}, {"name": "a"}, {"name": "d", "_creationTime": -5}])
    )
    assert refused(store, path, "users", ImportUser).splitlines() == [
        "8 rows cannot be imported",
        "  users.jsonl:2: `users.name`: expected str, got 1.0 (float)",
        '  users.jsonl:3: `users.nmae`: expected no field `nmae` (did you mean `name`?), got "x" (str) (and 1 more)',
        "  users.jsonl:5: this is not JSON: Input data was truncated",
        "  users.jsonl:6: this is not JSON: JSON is malformed: invalid character (byte 4)",
        "  users.jsonl:7: a document is a JSON object, got list",
        "  users.jsonl:8: `users._id`: 'x' is not an id: ids have 31, 32, 34, 36 or 37 characters, got 1",
        "  users.jsonl:10: `users._creationTime`: expected milliseconds since 1970, and none in the future, got -5 (int)",
        "  users.jsonl:9: its key in the unique index by_name is that of users.jsonl:1",
        "  help: correct the rows, or change the schema; then import again. Nothing was imported",
    ]


@pytest.mark.parametrize("value", [1.7e15, math.inf, -1, "yesterday", True])
def test_creation_times_that_cannot_be_are_refused(store: Store, tmp_path: Path, value: object) -> None:
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "a", "_creationTime": value}]).replace("Infinity", "1e400"))
    text = refused(store, path, "users", ImportUser)
    assert "`users._creationTime`: expected milliseconds since" in text or "is not JSON" in text


def test_a_misspelled_field_is_named_with_the_nearest_one(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "a", "agee": 3}]))
    expected = "users.jsonl:1: `users.agee`: expected no field `agee` (did you mean `age`?), got 3.0 (float)"
    assert expected in refused(store, path, "users", ImportUser)


def test_of_many_bad_rows_the_first_are_shown_and_all_are_counted(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    path.write_text(lines({"name": number} for number in range(5_000)))
    text = refused(store, path, "users", ImportUser)
    assert text.startswith("5,000 rows cannot be imported\n  users.jsonl:1: ")
    assert "users.jsonl:10: " in text
    assert "users.jsonl:11: " not in text
    assert "  and 4,990 more" in text


def test_rows_of_csv_are_named_by_the_line_on_which_they_begin(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text('name,age\n"two\nlines",1\nx,y\nz\n')
    text = refused(store, path, "users", ImportUser)
    assert 'users.csv:4: `users.age`: expected int, got "y" (str)' in text
    assert "users.csv:5: the row has 1 cells, the header 2" in text


def test_an_id_of_another_table_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    rows = [{"_id": document_id(10_001, 1), "name": "a"}, {"_id": document_id(10_055, 2), "name": "b"}]
    path.write_text(lines(rows))
    assert "is the id of a document of another table: its number is 10055" in refused(
        store, path, "users", ImportUser
    )


def test_a_reference_to_no_table_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(lines([make_post(1, 10_444)]))
    assert "`posts.author`: expected Id[ImportUser], got the id" in refused(
        store, path, "posts", ImportUser, ImportPost
    )


def test_documents_above_a_limit_are_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "x" * 2_000_000}]))
    assert "users.jsonl:1: Value is too large" in refused(store, path, "users", ImportUser)


def test_a_table_that_the_application_does_not_declare_is_refused_and_can_be_left_out(
    store: Store, tmp_path: Path
) -> None:
    path = convex_zip(tmp_path / "app.zip")
    text = refused(store, path, None, ImportUser)
    assert "posts/documents.jsonl: 'posts'" in text
    assert '(Document, table="posts") in the backend folder, or leave it out: --skip posts' in text
    added, _ = import_file(store, bind(store, ImportUser), path, skip=("posts",))
    assert added == 2


# Modes


def test_a_table_with_documents_needs_to_be_told_what_to_do_with_them(store: Store, tmp_path: Path) -> None:
    insert(store, bind(store, ImportUser), ImportUser(name="old"))
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "new"}]))
    text = refused(store, path, "users", ImportUser)
    assert "there are documents already in users (1)" in text
    assert "--append to keep them and add to them, or --replace" in text


def test_append_keeps_documents_and_refuses_ids_and_unique_keys_that_are_taken(
    store: Store, tmp_path: Path
) -> None:
    catalog = bind(store, ImportUser)
    insert(store, catalog, ImportUser(name="old"))
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "new"}]))
    import_file(store, catalog, path, "users", Mode.APPEND)
    assert [user["name"] for user in documents(store, "users")] == ["old", "new"]
    taken = {"_id": document_id(number_of(store, "users"), 1), "name": "other"}
    path.write_text(lines([{"name": "third"}, taken, {"name": "old"}]))
    text = refused(store, path, "users", ImportUser, mode=Mode.APPEND)
    assert "users.jsonl:2: a document of users has its _id already" in text
    assert "users.jsonl:3: a document of users has its key in the unique index by_name already" in text


def test_replace_replaces_the_tables_of_the_file_and_replace_all_every_table(
    store: Store, tmp_path: Path
) -> None:
    catalog = bind(store, ImportUser, ImportThing)
    insert(store, catalog, ImportUser(name="old"), ImportThing(text="thing"))
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "old"}, {"name": "new"}]))
    import_file(store, catalog, path, "users", Mode.REPLACE)
    assert [user["name"] for user in documents(store, "users")] == ["old", "new"]
    assert len(documents(store, "things")) == 1
    import_file(store, catalog, path, "users", Mode.REPLACE_ALL)
    assert documents(store, "things") == []
    assert damage(store, bind(store, ImportUser, ImportThing)) == []


def test_counts_and_sums_are_those_of_the_documents_that_are_there(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "a", "age": 1}, {"name": "b", "age": 2}]))
    import_file(store, bind(store, ImportUser), path, "users")
    assert damage(store, bind(store, ImportUser)) == []
    # As many documents as before, so that counting alone would notice nothing.
    path.write_text(lines([{"name": "a", "age": 30}, {"name": "c", "_id": document_id(10_099, 1)}]))
    import_file(store, bind(store, ImportUser), path, "users", Mode.REPLACE)
    assert damage(store, bind(store, ImportUser)) == []
    path.write_text(lines([{"name": "d", "age": 7, "_id": document_id(10_099, 2)}]))
    import_file(store, bind(store, ImportUser), path, "users", Mode.APPEND)
    assert damage(store, bind(store, ImportUser)) == []


# Numbers of tables


def test_a_table_that_others_refer_to_keeps_its_number_and_the_ids_of_the_file_follow(
    store: Store, tmp_path: Path
) -> None:
    catalog = bind(store, ImportPost, ImportUser)
    number = catalog.of(ImportUser).number
    insert(store, catalog, ImportPost(author=Id(document_id(number, 1)), text="stays"))
    path = write_zip(
        tmp_path / "users.zip",
        {
            "_tables/documents.jsonl": lines([{"name": "users", "id": 10_050}]),
            "users/documents.jsonl": lines([{"_id": document_id(10_050, 1), "name": "Ada"}]),
        },
    )
    added, told = import_file(store, catalog, path)
    assert added == 1
    assert told == [
        f"the ids of users change: the table has the number {number} here and 10050 in the file. Ids in fields of "
        "type Id follow; those in fields of type str and Any do not"
    ]
    assert documents(store, "users")[0]["_id"] == document_id(number, 1)


def test_an_empty_table_makes_way_for_one_that_is_imported_under_its_number(
    store: Store, tmp_path: Path
) -> None:
    catalog = bind(store, ImportUser, ImportPost, ImportThing)
    posts = catalog.of(ImportPost).number
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"_id": document_id(posts, 3), "name": "Ada"}]))
    assert import_file(store, catalog, path, "users") == (1, [])
    assert documents(store, "users")[0]["_id"] == document_id(posts, 3)
    assert number_of(store, "posts") not in (posts, number_of(store, "things"))
    after = bind(store, ImportUser, ImportPost, ImportThing)
    insert(store, after, ImportPost(author=Id(document_id(posts, 3)), text="x"))
    assert damage(store, after) == []


def test_two_tables_can_change_places(store: Store, tmp_path: Path) -> None:
    catalog = bind(store, ImportUser, ImportThing)
    users, things = catalog.of(ImportUser).number, catalog.of(ImportThing).number
    path = write_zip(
        tmp_path / "swapped.zip",
        {
            "_tables/documents.jsonl": lines(
                [{"name": "users", "id": things}, {"name": "things", "id": users}]
            ),
            "users/documents.jsonl": lines([{"_id": document_id(things, 1), "name": "a"}]),
            "things/documents.jsonl": lines(
                [{"_id": document_id(users, 1), "self_id": document_id(users, 1), "text": "t"}]
            ),
        },
    )
    assert import_file(store, catalog, path) == (2, [])
    assert (number_of(store, "users"), number_of(store, "things")) == (things, users)
    assert documents(store, "things")[0]["self_id"] == document_id(users, 1)


# The file


def test_what_is_not_imported_is_said(store: Store, tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "app.zip",
        {
            "snapshot/_tables/documents.jsonl": lines([{"name": "users", "id": 10_001}]),
            "snapshot/users/documents.jsonl": lines([{"name": "a"}]),
            "snapshot/_components/mail/_tables/documents.jsonl": "",
            "snapshot/_storage/documents.jsonl": "",
            "snapshot/_storage/abc.png": b"1",
        },
    )
    added, told = import_file(store, bind(store, ImportUser), path)
    assert added == 1
    assert told == ["the component mail", "1 stored file (_storage)"]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("app.zip", b"no zip", "is no ZIP file, or is damaged"),
        ("users.xml", b"", "does not say by its name what format it has"),
        ("users.json", b"{}", "is no JSON array of objects"),
        ("users.csv", b"", "the CSV file is empty"),
        ("users.csv", b"name,name\n", "several columns 'name'"),
        ("missing.jsonl", None, "cannot be read: No such file or directory"),
    ],
)
def test_files_that_cannot_be_read_say_what_is_wrong(
    store: Store, tmp_path: Path, name: str, content: bytes | None, error: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert error in refused(store, path, None if name.endswith(".zip") else "users", ImportUser)


def test_a_file_of_one_table_needs_its_name(tmp_path: Path) -> None:
    with (
        pytest.raises(SetupError, match="name it: --table messages"),
        open_contents(tmp_path / "x.jsonl", Format.JSONL, None),
    ):
        pass


# The store


def test_followers_of_the_commit_log_must_start_anew(store: Store, tmp_path: Path) -> None:
    catalog = bind(store, ImportUser)
    insert(store, catalog, ImportUser(name="old"))
    before = store.head
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "new"}]))
    import_file(store, catalog, path, "users", Mode.APPEND)
    with pytest.raises(LogTrimmedError):
        store.commits_after(before)
    assert store.commits_after(store.head) == []
    insert(store, bind(store, ImportThing), ImportThing())
    assert store.check() == []


def test_readers_of_the_old_snapshot_go_on_seeing_it(store: Store, tmp_path: Path) -> None:
    catalog = bind(store, ImportUser)
    insert(store, catalog, ImportUser(name="old"))
    table = catalog.of(ImportUser)
    reader = store.reader()
    reader.begin()
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"_id": document_id(10_123, 1), "name": "new"}]))
    import_file(store, catalog, path, "users", Mode.REPLACE)
    [row] = reader.scan(table.by_creation, b"", None)
    assert table.load(row[2], row[3]).__class__ is ImportUser
    assert b'"old"' in row[3]
    reader.end()
    reader.begin()
    assert list(reader.scan(table.by_creation, b"", None)) == []


def test_data_that_changed_while_an_import_was_prepared_refuse_it(store: Store, tmp_path: Path) -> None:
    from syncline.kernel.clock import SeededEntropy
    from syncline.kernel.limits import Limits
    from syncline.transfer import Import

    catalog = bind(store, ImportUser)
    path = tmp_path / "users.jsonl"
    path.write_text(lines([{"name": "new"}]))
    with open_contents(path, Format.JSONL, "users") as contents:
        job = Import(
            store, catalog, contents, Mode.REQUIRE_EMPTY,
            clock=FakeClock(), entropy=SeededEntropy(1), limits=Limits(),
        )  # fmt: skip
        job.stage()
        insert(store, catalog, ImportUser(name="meanwhile"))
        with pytest.raises(LoadRefusedError, match="the table users was empty and holds documents now"):
            job.load()
        job.close(forget=True)
    assert [user["name"] for user in documents(store, "users")] == ["meanwhile"]
    insert(store, bind(store, ImportThing), ImportThing())  # the store is in service
