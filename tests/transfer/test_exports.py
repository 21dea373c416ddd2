"""Exports hold exactly what is stored, as of one moment, or do not appear at all."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.values import same, values
from syncline import Document, Int64
from syncline.database import Progress, TableBinding, activate
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import SetupError
from syncline.schema import TableSpec, table_of
from syncline.store import Commit, DocumentWrite, EntryWrite, Store
from syncline.transfer import export_csv, export_jsonl, export_zip, open_snapshot, parse_filter
from syncline.values import Int64 as WireInt64
from syncline.values import Json, Value, decode_canonical, decode_value, encode_id

Rows: TypeAlias = "list[dict[str, Json]]"


class TransferNote(Document, table="notes"):
    text: str
    size: Int64 = Int64(0)
    data: bytes = b""
    score: float = 0.0
    extra: Any = None


class TransferOther(Document, table="others"):
    text: str


def silent(_: Progress) -> None: ...


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory(FakeClock()) as store:
        yield store


def bind(store: Store, *classes: type[Document]) -> dict[str, TableBinding]:
    specs: list[TableSpec] = [table_of(cls) for cls in classes]
    return dict(activate(store, specs).by_name)


def insert(store: Store, table: TableBinding, *documents: Document) -> list[bytes]:
    """Store the documents; returns their bodies."""
    bodies: list[bytes] = []
    for number, document in enumerate(documents, store.reader().count(table.by_creation, b"", None) + 1):
        internal = number.to_bytes(16, "big")
        created = 1_700_000_000_000_000 + number
        body = table.codec.encode_body(
            table.codec.to_fields(document), encode_id(table.number, internal), created
        )
        write = DocumentWrite(table.number, internal, body, table.shape)
        entry = EntryWrite(table.by_creation, created.to_bytes(8, "big") + internal, True)
        store.append([Commit(store.next_ts(), (write,), (entry,))])
        bodies.append(body)
    return bodies


def lines_of(archive: zipfile.ZipFile, name: str) -> Rows:
    return [json.loads(line) for line in archive.read(name).splitlines()]


def restored(tree: Json) -> Value:
    """The value in a tree of `export_json`, by a parser that tells `1` from `1.0`."""
    match tree:
        case bool():
            return tree
        case int():
            return WireInt64(tree)
        case dict() if not any(name.startswith("$") for name in tree):
            return {name: restored(item) for name, item in tree.items()}
        case list():
            return [restored(item) for item in tree]
        case _:
            return decode_value(tree)


def test_a_zip_has_a_readme_the_tables_and_their_documents(store: Store, tmp_path: Path) -> None:
    tables = bind(store, TransferNote, TransferOther)
    insert(
        store, tables["notes"], TransferNote(text="a", size=Int64(5), data=b"\x00"), TransferNote(text="b")
    )
    with open_snapshot(store) as snapshot:
        assert export_zip(snapshot, tmp_path / "all.zip", silent) == {"notes": 2, "others": 0}
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "README.md",
            "_tables/documents.jsonl",
            "notes/generated_schema.jsonl",
            "notes/documents.jsonl",
            "others/generated_schema.jsonl",
            "others/documents.jsonl",
        ]
        assert lines_of(archive, "_tables/documents.jsonl") == [
            {"name": "notes", "id": tables["notes"].number},
            {"name": "others", "id": tables["others"].number},
        ]
        first, second = lines_of(archive, "notes/documents.jsonl")
    assert first == {
        "_id": encode_id(tables["notes"].number, (1).to_bytes(16, "big")),
        "_creationTime": 1_700_000_000_000.001,
        "data": {"$bytes": "AA=="},
        "extra": None,
        "score": 0.0,
        "size": 5,
        "text": "a",
    }
    assert second["text"] == "b"
    assert (tmp_path / "all.zip").stat().st_mode & 0o777 == 0o600


@given(st.lists(values, max_size=5))
def test_every_value_can_be_read_back_from_an_export(
    tmp_path_factory: pytest.TempPathFactory, extras: list[Value]
) -> None:
    path = tmp_path_factory.mktemp("export") / "notes.jsonl"
    with Store.memory(FakeClock()) as store:
        table = bind(store, TransferNote)["notes"]
        bodies = insert(store, table, *(TransferNote(text="x", extra=extra) for extra in extras))
        with open_snapshot(store) as snapshot:
            assert export_jsonl(snapshot, snapshot.table("notes"), path, silent) == len(extras)
    exported = [restored(json.loads(line)) for line in path.read_bytes().splitlines()]
    assert len(exported) == len(bodies)
    assert all(same(value, decode_canonical(body)) for value, body in zip(exported, bodies, strict=True))


def test_commits_after_the_snapshot_are_not_in_the_export(store: Store, tmp_path: Path) -> None:
    table = bind(store, TransferOther)["others"]
    insert(store, table, TransferOther(text="before"))
    with open_snapshot(store) as snapshot:
        insert(store, table, TransferOther(text="after"))
        assert export_zip(snapshot, tmp_path / "all.zip", silent) == {"others": 1}


def test_csv_has_text_as_it_is_null_as_nothing_and_the_rest_as_json(store: Store, tmp_path: Path) -> None:
    table = bind(store, TransferNote)["notes"]
    insert(store, table, TransferNote(text='a "b",\nc', size=Int64(7), score=1.5, extra=[True, "x"]))
    path = tmp_path / "notes.csv"
    with open_snapshot(store) as snapshot:
        assert export_csv(snapshot, snapshot.table("notes"), path, silent) == 1
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["text"] == 'a "b",\nc'
    assert (row["size"], row["score"], row["extra"]) == ("7", "1.5", '[true,"x"]')
    assert row["data"] == '{"$bytes":""}'
    assert list(row)[:2] == ["_id", "_creationTime"]


def test_documents_from_before_a_field_have_its_default(store: Store) -> None:
    table = bind(store, TransferOther)["others"]
    insert(store, table, TransferOther(text="old"))
    changed = table.codec.shape().replace('"text"', '"kind":["str","plain"],"text"')
    store.use_shape(table.number, changed)
    with open_snapshot(store) as snapshot:
        (body,) = snapshot.bodies(snapshot.table("others"))
    assert json.loads(body)["kind"] == "plain"


def test_an_export_replaces_no_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_text("precious")
    with open_snapshot(store) as snapshot, pytest.raises(SetupError, match=r"all\.zip exists already"):
        export_zip(snapshot, path, silent)
    assert path.read_text() == "precious"


def test_an_export_that_fails_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    table = bind(store, TransferOther)["others"]
    insert(store, table, TransferOther(text="a"))
    store.append([Commit(store.next_ts(), (), (EntryWrite(table.by_creation, bytes(24), True),))])
    with open_snapshot(store) as snapshot, pytest.raises(Exception, match="does not exist"):
        export_zip(snapshot, tmp_path / "all.zip", silent)
    assert list(tmp_path.iterdir()) == []


def test_an_export_into_a_folder_that_is_missing_says_so(store: Store, tmp_path: Path) -> None:
    with open_snapshot(store) as snapshot, pytest.raises(SetupError, match="cannot be written: No such file"):
        export_zip(snapshot, tmp_path / "none" / "all.zip", silent)


def test_an_unknown_table_names_those_that_there_are(store: Store) -> None:
    bind(store, TransferNote, TransferOther)
    with open_snapshot(store) as snapshot, pytest.raises(SetupError) as caught:
        snapshot.table("note")
    assert str(caught.value) == "there is no table 'note' in the data\n  help: the tables are: notes, others"


def test_conditions_compare_values_and_numbers_by_their_size() -> None:
    assert parse_filter("size=5").accepts({"size": Int64(5)})
    assert parse_filter("size=5").accepts({"size": 5.0})
    assert not parse_filter("size=5").accepts({"size": "5"})
    assert not parse_filter("size=5").accepts({})
    assert parse_filter('text="a=b"').accepts({"text": "a=b"})


@pytest.mark.parametrize(("text", "error"), [("size", "not of the form"), ("text=a", "is not JSON")])
def test_conditions_that_cannot_be_read_say_how_to_write_them(text: str, error: str) -> None:
    with pytest.raises(SetupError, match=error) as caught:
        parse_filter(text)
    assert "--where '" in str(caught.value)
