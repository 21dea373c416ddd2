"""Whatever is in a file: it is imported, or refused with a message, and a refusal changes nothing."""

from __future__ import annotations

import json
import shutil
import stat
import tempfile
import tracemalloc
import zipfile
from collections.abc import Generator
from contextlib import suppress
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
from syncline.kernel.limits import Limits
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


class Zeros:
    """So many zeros as they are read, and how many were."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        part = bytes(self.left if size < 0 else min(size, self.left))
        self.left -= len(part)
        return part


def bomb(path: Path, member: str, size: int) -> Path:
    """A ZIP with a member that is small packed, and unpacked of this size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in {"_tables": '{"name": "users", "id": 10001}\n', "users": ""}.items():
            if not member.startswith(f"{name}/documents"):
                archive.writestr(f"{name}/documents.jsonl", content)
        with archive.open(member, "w", force_zip64=True) as target:
            shutil.copyfileobj(Zeros(size), target)
    return path


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        ("users/generated_schema.jsonl", "users/generated_schema.jsonl in .* is larger than 1,000,000 bytes"),
        ("_tables/documents.jsonl", "_tables/documents.jsonl in .* is larger than 1,000,000 bytes"),
        ("_storage/x", "unpacks to 30,000,000 bytes, the limit import_unpacked_bytes is 2,000,000"),
        (
            "other/documents.jsonl",
            "unpacks to 30,000,000 bytes, the limit import_unpacked_bytes is 2,000,000",
        ),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str, complaint: str
) -> None:
    monkeypatch.setattr("syncline.transfer.sources._DESCRIPTION_BYTES", 1_000_000)
    path = bomb(tmp_path / "bomb.zip", member, 30_000_000)
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    try:
        with Store.memory(FakeClock()) as store, pytest.raises(SetupError, match=complaint):
            import_file(store, bind(store, BadFileUser), path, limits=Limits(import_unpacked_bytes=2_000_000))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_more_than_a_member_says_to_be_is_not_unpacked(tmp_path: Path) -> None:
    """Its size is what the limit is held against, so a member that lies about it must not get by."""
    path = bomb(tmp_path / "lying.zip", "users/documents.jsonl", 3_000_000)
    content = path.read_bytes()
    assert content.count((3_000_000).to_bytes(4, "little")) == 2  # at its beginning, and in the directory
    path.write_bytes(content.replace((3_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with zipfile.ZipFile(path) as archive, pytest.raises(zipfile.BadZipFile):
        archive.read("users/documents.jsonl")
    with (
        Store.memory(FakeClock()) as store,
        pytest.raises(SetupError, match=r"is damaged|cannot be imported"),
    ):
        import_file(store, bind(store, BadFileUser), path)


@pytest.mark.parametrize(
    "name",
    [
        "../users",
        "../../outside/users",
        "/users",
        "/var/users",
        "C:\\users",
        "users/..",
        "_storage/../../users",
        "link",
    ],
)
def test_names_in_a_zip_lead_nowhere(tmp_path: Path, name: str) -> None:
    """Nothing is written by the name that it has in the file; a link is what it says, not what it leads to."""
    (tmp_path / "secret").write_text(json.dumps({"name": "the secret"}) + "\n")
    place = tmp_path / "inside"
    place.mkdir()
    path = place / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        if name == "link":
            info = zipfile.ZipInfo("users/documents.jsonl")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, str(tmp_path / "secret"))
        else:
            archive.writestr(f"{name}/documents.jsonl", json.dumps({"name": "Ann"}) + "\n")
    before = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")}
    with Store.memory(FakeClock()) as store:
        catalog = bind(store, BadFileUser)
        with suppress(SetupError):
            import_file(store, catalog, path)
        assert "the secret" not in str(documents(store, "users"))
    assert {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")} == before
