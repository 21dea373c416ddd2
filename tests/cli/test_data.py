"""`syncline data` and `syncline export`, as their users see them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from support.applications import write_application
from support.processes import syncline
from syncline.kernel.clock import SystemClock
from syncline.store import Store

SCHEMA = """
from syncline import Document

class Item(Document):
    name: str
    count: int = 0
"""
FUNCTIONS = """
from syncline import MutationCtx, mutation
from .schema import Item

@mutation
def add(ctx: MutationCtx, name: str, count: int) -> None:
    ctx.db.insert(Item(name=name, count=count))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    write_application(path, schema=SCHEMA, items=FUNCTIONS)
    for name, count in (("apples", 2), ("pears", 3)):
        done = syncline("run", "items:add", json.dumps({"name": name, "count": count}), folder=path)
        assert done.returncode == 0, done.stderr
    return path


def test_data_lists_the_tables(folder: Path) -> None:
    assert syncline("data", folder=folder).stdout == "  items  2 documents\n"
    assert json.loads(syncline("data", "--json", folder=folder).stdout) == {"table": "items", "documents": 2}


def test_data_shows_documents_in_columns(folder: Path) -> None:
    done = syncline("data", "items", "--order", "desc", folder=folder)
    header, first, second = done.stdout.splitlines()
    assert header.split() == ["_id", "_creationTime", "count", "name"]
    assert first.split()[2:] == ["3", '"pears"']
    assert second.split()[2:] == ["2", '"apples"']
    assert done.stderr == "  2 of 2 documents\n"


def test_data_shows_what_fits_the_conditions_as_json(folder: Path) -> None:
    done = syncline("data", "items", "--where", 'name="pears"', "--json", folder=folder)
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["count"] == 3.0
    assert len(syncline("data", "items", "--limit", "1", "--json", folder=folder).stdout.splitlines()) == 1


def test_data_refuses_a_field_that_the_table_does_not_have(folder: Path) -> None:
    done = syncline("data", "items", "--where", "nmae=1", folder=folder)
    assert done.returncode == 1
    assert done.stderr == (
        "error: `items` has no field 'nmae'\n  help: its fields are: _id, _creationTime, count, name\n"
    )


def test_export_writes_a_zip_or_one_table(folder: Path) -> None:
    done = syncline("export", "--path", "all.zip", folder=folder)
    assert (done.returncode, done.stdout) == (0, "  all.zip  2 documents of 1 table\n")
    with zipfile.ZipFile(folder / "all.zip") as archive:
        assert len(archive.read("items/documents.jsonl").splitlines()) == 2
    done = syncline("export", "--table", "items", "--format", "csv", "--path", "items.csv", folder=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "items.csv").read_text().splitlines()[0] == "_id,_creationTime,count,name"


def test_a_format_needs_a_table(folder: Path) -> None:
    done = syncline("export", "--format", "csv", folder=folder)
    assert done.returncode == 1
    assert "--format csv needs a table" in done.stderr


def test_data_of_a_folder_without_any_says_so(tmp_path: Path) -> None:
    done = syncline("data", folder=tmp_path)
    assert done.returncode == 1
    assert "there is no Syncline data in" in done.stderr


def test_a_folder_in_use_is_read_beside_its_holder(folder: Path) -> None:
    with Store.open(folder / ".syncline", clock=SystemClock()):
        assert syncline("data", folder=folder).stdout == "  items  2 documents\n"
        done = syncline("export", "--path", "beside.zip", folder=folder)
        assert (done.returncode, done.stdout) == (0, "  beside.zip  2 documents of 1 table\n")


def test_one_document_is_shown_changed_and_deleted(folder: Path) -> None:
    done = syncline("run", "items:add", json.dumps({"name": "plums", "count": 1}), folder=folder)
    assert done.returncode == 0, done.stderr
    rows = syncline("data", "items", "--where", 'name="plums"', "--json", folder=folder).stdout
    id = json.loads(rows)["_id"]
    assert json.loads(syncline("data", "--id", id, "--json", folder=folder).stdout)["count"] == 1
    done = syncline("data", "--id", id, "--set", "count=7", "--set", 'name="figs"', "--json", folder=folder)
    changed = json.loads(done.stdout)
    assert (changed["_id"], changed["count"], changed["name"]) == (id, 7, "figs")
    for assignment, said in [
        ("count=many", "'many' is not JSON. Text needs quotes of its own"),
        ('count="many"', '`items.count`: expected int, got "many"'),
        ("cuont=1", "`items` has no field `cuont` (did you mean `count`?)"),
    ]:
        done = syncline("data", "--id", id, "--set", assignment, folder=folder)
        assert done.returncode in (1, 2) and said in done.stderr, done.stderr
    assert json.loads(syncline("data", "--id", id, "--json", folder=folder).stdout) == changed
    assert syncline("data", "--id", id, "--delete", folder=folder).stderr == f"deleted {id}\n"
    done = syncline("data", "--id", id, folder=folder)
    assert done.returncode == 1 and f"there is no document {id}" in done.stderr
    assert "not a document id" in syncline("data", "--id", "x", folder=folder).stderr
