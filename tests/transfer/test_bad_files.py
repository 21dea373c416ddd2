"""Whatever is in a file: it is imported, or refused with a message, and a refusal changes nothing."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Generator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.imports import bind, document_id, documents, import_file, lines
from support.values import values
from syncline import Document, Id, Index
from syncline.database import Catalog
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import SetupError
from syncline.store import Store
from syncline.transfer import Mode
from syncline.values import encode_json


class BadFileUser(Document, table="users"):
    name: str
    friend: "Id[BadFileUser] | None" = None  # noqa: UP037 - the class is not there yet
    tags: dict[str, list[float]] = {}

    by_name = Index("name")


class World:
    def __init__(self, store: Store, catalog: Catalog, folder: Path) -> None:
        self.store = store
        self.catalog = catalog
        self.folder = folder

    def offer(self, name: str, content: bytes) -> bool:
        """Whether the file was imported. A refusal must change nothing, and anything else must not happen."""
        path = self.folder / name
        path.write_bytes(content)
        before = documents(self.store, "users"), self.store.head
        try:
            import_file(
                self.store, self.catalog, path, None if name.endswith(".zip") else "users", Mode.REPLACE
            )
        except SetupError as error:
            assert str(error)
            assert (documents(self.store, "users"), self.store.head) == before
            return False
        assert self.store.check() == []
        return True


@pytest.fixture(scope="module")
def world() -> Generator[World, None, None]:
    with Store.memory(FakeClock()) as store, tempfile.TemporaryDirectory() as folder:
        yield World(store, bind(store, BadFileUser), Path(folder))


FILES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])

rows = st.lists(
    st.one_of(
        st.fixed_dictionaries({"name": st.text(max_size=5)}),
        st.dictionaries(
            st.sampled_from(["_id", "_creationTime", "name", "friend", "tags", "x"]), values, max_size=4
        ),
        values,
    ),
    max_size=4,
)


@FILES
@given(st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.zip"]), st.binary(max_size=80))
def test_any_bytes(world: World, name: str, content: bytes) -> None:
    world.offer(name, content)


@FILES
@given(rows)
def test_any_rows_of_json(world: World, found: list[object]) -> None:
    encoded = [encode_json(row) for row in found]
    world.offer("a.jsonl", b"\n".join(encoded))
    world.offer("a.json", b"[%b]" % b",".join(encoded))


@FILES
@given(st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=3), max_size=4))
def test_any_cells_of_csv(world: World, cells: list[list[str]]) -> None:
    text = "name,friend,tags\n" + "\n".join(",".join(row) for row in cells)
    world.offer("a.csv", text.encode("utf-8", "surrogatepass"))


@FILES
@given(st.data())
def test_any_damage_to_a_zip(world: World, data: st.DataObject) -> None:
    target = BytesIO()
    users = [{"_id": document_id(10_001, number), "name": "x" * number} for number in range(30)]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_tables/documents.jsonl", lines([{"name": "users", "id": 10_001}]))
        archive.writestr("users/generated_schema.jsonl", '"uniform"\n')
        archive.writestr("users/documents.jsonl", lines(users))
    content = bytearray(target.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    world.offer("a.zip", bytes(content))


@FILES
@given(
    st.lists(st.tuples(st.sampled_from(["_tables", "users", "_storage", "x"]), rows), max_size=3), st.data()
)
def test_any_members_of_a_zip(
    world: World, members: list[tuple[str, list[object]]], data: st.DataObject
) -> None:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for table, found in members:
            if f"{table}/documents.jsonl" in archive.namelist():
                continue
            archive.writestr(f"{table}/documents.jsonl", b"\n".join(encode_json(row) for row in found))
            hints = data.draw(
                st.sampled_from(["", '"uniform"', '"{...}"\n{"a": "int64"}', "[]", "{", "\n\n5"])
            )
            if hints:
                archive.writestr(f"{table}/generated_schema.jsonl", hints)
    world.offer("a.zip", target.getvalue())


def test_a_good_file_is_imported(world: World) -> None:
    assert world.offer("a.jsonl", json.dumps({"name": "x"}).encode())
