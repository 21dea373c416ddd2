"""`syncline check`: what is wrong in code and data, all at once; and that it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.applications import write_application
from support.processes import serving, syncline

GOOD = """
    from syncline import Document, Index, MutationCtx, QueryCtx, mutation, query

    class Item(Document):
        name: str
        count: int = 0

    @query(name="list")
    def list_items(ctx: QueryCtx) -> list[str]:
        return [item.name for item in ctx.db.query(Item)]

    @mutation
    def add(ctx: MutationCtx, name: str) -> None:
        ctx.db.insert(Item(name=name))
"""


def put(folder: Path, *names: str) -> None:
    code = "\n".join(f"run('items:add', name={name!r})" for name in names)
    done = syncline("shell", "-c", code, folder=folder)
    assert done.returncode == 0, done.stderr


def contents(folder: Path) -> bytes:
    return (folder / ".syncline" / "syncline.db").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, items=GOOD)
    return tmp_path


def test_a_mistyped_field_is_shown_in_its_line_with_the_nearest_name(folder: Path) -> None:
    write_application(folder, items=GOOD.replace("ctx.db.query(Item)]", 'ctx.db.query(Item).where(nam="x")]'))
    done = syncline("check", folder=folder)
    assert done.returncode == 1
    assert done.stdout == "  code  backend  2 functions, 1 table, 0 indexes\n  data  .syncline  none yet\n"
    assert (
        done.stderr
        == """
backend/items.py:9:60: error: where on items: items has no field `nam` (did you mean `name`?)  [field-name]

    9 |     return [item.name for item in ctx.db.query(Item).where(nam="x")]
      |                                                            ^^^

  help: its fields: name, count, created_at

1 error
"""
    )


def test_code_data_and_indexes_are_told_together_and_nothing_is_written(folder: Path) -> None:
    put(folder, "a", "a", "b")
    before = contents(folder)
    changed = GOOD.replace(
        "count: int = 0", "count: int = 0\n        size: str\n        by_name = Index('name', unique=True)"
    )
    write_application(folder, items=changed.replace("Item(name=name)", "Item(nam=name, size='s')"))
    done = syncline("check", folder=folder)
    assert done.returncode == 1
    assert "Item(...): items has no field `nam` (did you mean `name`?)  [field-name]" in done.stderr
    assert "3 documents do not fit items (backend.items.Item), the first:" in done.stderr
    assert "items.by_name is unique, but 1 stored documents repeat another's key" not in done.stderr
    assert "  data  .syncline  3 documents, whole, but they do not fit" in done.stdout
    assert "the next start builds the index items.by_name over 3 documents" in done.stdout
    assert done.stderr.endswith("\n3 errors\n")
    assert contents(folder) == before

    told = json.loads(syncline("check", "--json", folder=folder).stdout)
    assert told["documents"] == {"items": 3}
    assert told["to_build"] == [{"index": "items.by_name", "documents": 3}]
    assert [found["rule"] for found in told["findings"]] == ["missing-field", "field-name", "schema"]
    assert told["findings"][1] == {
        "rule": "field-name",
        "severity": "error",
        "file": "backend/items.py",
        "line": 15,
        "column": 24,
        "what": "Item(...): items has no field `nam` (did you mean `name`?)",
        "why": "",
        "fix": "its fields: name, count, size",
    }
    assert contents(folder) == before


def test_keys_that_a_new_unique_index_would_refuse_are_told(folder: Path) -> None:
    put(folder, "a", "a", "b")
    write_application(
        folder,
        items=GOOD.replace("count: int = 0", "count: int = 0\n        by_name = Index('name', unique=True)"),
    )
    done = syncline("check", folder=folder)
    assert done.returncode == 1
    assert "items.by_name is unique, but 1 stored documents repeat another's key, the first: " in done.stderr


def test_an_index_that_a_start_would_build_is_no_mistake(folder: Path) -> None:
    put(folder, "a")
    before = contents(folder)
    write_application(
        folder, items=GOOD.replace("count: int = 0", "count: int = 0\n        by_name = Index('name')")
    )
    done = syncline("check", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("        the next start builds the index items.by_name over 1 document\n")
    assert contents(folder) == before
    put(folder, "b")
    assert syncline("check", folder=folder).stdout.endswith("2 documents, verified\n")
    write_application(folder, items=GOOD)
    assert syncline("check", folder=folder).stdout.endswith(
        "        the next start removes the index items.by_name\n"
    )


def test_tables_without_a_class_are_named(folder: Path) -> None:
    put(folder, "a")
    write_application(
        folder, items=GOOD.replace("class Item(Document)", 'class Item(Document, table="things")')
    )
    done = syncline("check", folder=folder)
    assert done.returncode == 0
    assert done.stdout.endswith("        1 document in items, a table without a class, are kept\n")


def test_a_server_may_run_meanwhile(folder: Path) -> None:
    put(folder, "a")
    with serving(folder):
        put(folder, "b")
        done = syncline("check", folder=folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("2 documents, verified\n")
        put(folder, "c")


def test_a_waiver_with_a_reason_hides_a_finding_and_one_without_is_a_finding(folder: Path) -> None:
    wrong = 'return [item.name for item in ctx.db.query(Item).where(nam="x")]'
    source = GOOD.replace("return [item.name for item in ctx.db.query(Item)]", wrong)
    write_application(
        folder, items=source.replace(wrong, wrong + "  # syncline: allow(field-name) shown in a talk")
    )
    assert syncline("check", folder=folder).returncode == 0
    write_application(folder, items=source.replace(wrong, "# syncline: allow(field-name)\n        " + wrong))
    done = syncline("check", folder=folder)
    assert done.returncode == 1
    assert "backend/items.py:10:5: warning: the waiver of field-name gives no reason  [waiver]" in done.stderr


def test_all_files_that_are_no_python_are_told_when_the_code_does_not_load(folder: Path) -> None:
    put(folder, "a")
    write_application(folder, items=GOOD.replace("-> None:", "-> None"), more="x = (1,\n", other="y = 1\n")
    done = syncline("check", folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("error: backend/items.py:12: SyntaxError: expected ':'") == 1
    assert "backend/more.py:1:5: error: SyntaxError: '(' was never closed  [syntax]" in done.stderr
    told = json.loads(syncline("check", "--json", folder=folder).stdout)
    assert [(each["rule"], each["file"]) for each in told["findings"]] == [
        ("load", None),
        ("syntax", "backend/more.py"),
    ]
    assert told["damage"] == []
