"""`syncline import`, as its users see it: offline, through a running server, interrupted and killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.applications import write_application
from support.imports import document_id, lines, write_zip
from support.processes import environment, serving, syncline

SCHEMA = """
from syncline import Document, Index

class Item(Document):
    name: str
    count: int = 0

    by_name = Index("name", unique=True)
"""
FUNCTIONS = """
from syncline import QueryCtx, query
from .schema import Item

@query
def names(ctx: QueryCtx) -> list[str]:
    return [item.name for item in ctx.db.query(Item)]
"""

#: Imports a file and kills itself with SIGKILL, or interrupts itself, at the first report that begins with a text.
INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from syncline.cli import importing
from syncline.cli.main import run_command

text, number, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]

def update(self, what, done, total):
    if what.startswith(text) and 0 < done < total:
        os.kill(os.getpid(), number)

importing.ProgressBar.update = update
sys.exit(run_command(arguments))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, __init__="", schema=SCHEMA, items=FUNCTIONS)
    return tmp_path


def write_rows(folder: Path, count: int, name: str = "items.jsonl") -> None:
    (folder / name).write_text(lines({"name": f"item {number}"} for number in range(count)))


def names(folder: Path) -> list[str]:
    done = syncline("data", "items", "--json", "--limit", "100000", folder=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["name"] for line in done.stdout.splitlines()]


def test_a_file_is_imported_into_a_new_data_folder(folder: Path) -> None:
    write_rows(folder, 3)
    done = syncline("import", "items.jsonl", "--table", "items", folder=folder)
    assert (done.returncode, done.stdout) == (0, "  items.jsonl  added 3 documents to 1 table\n")
    assert done.stderr == "  table  add  delete  keep\n  items    3       0     0\n"
    assert names(folder) == ["item 0", "item 1", "item 2"]
    assert "verified" in syncline("check", folder=folder).stdout
    assert not list((folder / ".syncline").glob("import.db*"))


def test_bad_rows_fail_the_command_and_nothing_is_imported(folder: Path) -> None:
    (folder / "items.jsonl").write_text(lines([{"name": "a"}, {"name": 5}, {"nmae": "b"}]))
    done = syncline("import", "items.jsonl", "--table", "items", folder=folder)
    assert done.returncode == 1
    assert done.stderr.splitlines()[:3] == [
        "error: 2 rows cannot be imported",
        "  items.jsonl:2: `items.name`: expected str, got 5.0 (float)",
        '  items.jsonl:3: `items.nmae`: expected no field `nmae` (did you mean `name`?), got "b" (str) (and 1 more)',
    ]
    assert names(folder) == []


def test_documents_are_not_deleted_without_a_yes(folder: Path) -> None:
    write_rows(folder, 2)
    assert syncline("import", "items.jsonl", "--table", "items", folder=folder).returncode == 0
    write_rows(folder, 1)
    done = syncline("import", "items.jsonl", "--table", "items", folder=folder)
    assert "there are documents already in items (2)" in done.stderr
    done = syncline("import", "items.jsonl", "--table", "items", "--replace", folder=folder)
    assert done.returncode == 1
    assert "this deletes 2 documents, and there is no terminal to ask at" in done.stderr
    done = syncline("import", "items.jsonl", "--table", "items", "--replace", "--dry-run", folder=folder)
    assert done.returncode == 0
    assert "nothing was imported: this was a dry run" in done.stderr
    assert len(names(folder)) == 2
    done = syncline("import", "items.jsonl", "--table", "items", "--replace", "--yes", folder=folder)
    assert done.returncode == 0
    assert names(folder) == ["item 0"]


def test_options_that_contradict_each_other_are_refused(folder: Path) -> None:
    done = syncline("import", "x.zip", "--append", "--replace", folder=folder)
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_what_export_writes_import_reads(folder: Path) -> None:
    write_rows(folder, 5)
    syncline("import", "items.jsonl", "--table", "items", folder=folder)
    for arguments in (["--path", "all.zip"], ["--path", "a.csv", "--table", "items", "--format", "csv"]):
        assert syncline("export", *arguments, folder=folder).returncode == 0
    before = names(folder)
    for arguments in (["all.zip"], ["a.csv", "--table", "items"]):
        done = syncline("import", *arguments, "--data", "other", "--replace", "--yes", folder=folder)
        assert done.returncode == 0, done.stderr
        done = syncline("export", "--data", "other", "--path", f"{arguments[0]}.zip", folder=folder)
        assert (folder / f"{arguments[0]}.zip").read_bytes() == (folder / "all.zip").read_bytes()
    assert names(folder) == before


def test_a_running_server_imports_and_its_queries_show_it(folder: Path) -> None:
    write_zip(
        folder / "app.zip",
        {
            "_tables/documents.jsonl": lines([{"name": "items", "id": 10_077}]),
            "items/documents.jsonl": lines([{"_id": document_id(10_077, 1), "name": "moved"}]),
            "_storage/documents.jsonl": "",
        },
    )
    with serving(folder) as server:
        done = syncline("import", "app.zip", folder=folder)
        assert (done.returncode, done.stdout) == (0, "  app.zip  added 1 document\n"), done.stderr
        assert "left out: _storage, whose files are not in it" in done.stderr
        assert syncline("run", "items:names", "--json", folder=folder).stdout == '["moved"]\n'
        done = syncline("import", "app.zip", folder=folder)
        assert done.returncode == 1
        assert done.stderr.startswith("error: there are documents already in items (1)\n  help: add --append")
        (folder / "bad.csv").write_text("name,count\nx,many\n")
        done = syncline("import", "bad.csv", "--table", "items", "--append", folder=folder)
        assert 'items.csv:2: `items.count`: expected int, got "many" (str)' in done.stderr
        assert "_system/transfers" not in server.output
    assert "1 document" in syncline("data", folder=folder).stdout


def interrupted(
    folder: Path, report: str, number: signal.Signals, **variables: str
) -> subprocess.CompletedProcess[str]:
    """An import that is ended in its middle."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            INTERRUPTED,
            report,
            str(int(number)),
            "import",
            "items.jsonl",
            "--table",
            "items",
        ],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("report", ["reading", "writing"])
def test_an_import_that_is_killed_leaves_nothing_and_goes_on_where_it_was(folder: Path, report: str) -> None:
    write_rows(folder, 12_000)
    done = interrupted(folder, report, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert names(folder) == []
    done = syncline("import", "items.jsonl", "--table", "items", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "going on with what an interrupted import has read" in done.stderr
    assert names(folder) == [f"item {number}" for number in range(12_000)]
    assert "verified" in syncline("check", folder=folder).stdout


def test_ctrl_c_says_how_to_go_on(folder: Path) -> None:
    write_rows(folder, 12_000)
    done = interrupted(folder, "reading", signal.SIGINT)
    assert done.returncode == 130
    assert "interrupted, nothing was imported; the same command goes on from here" in done.stderr


def test_a_file_that_was_changed_is_read_from_its_beginning(folder: Path) -> None:
    write_rows(folder, 12_000)
    interrupted(folder, "reading", signal.SIGKILL)
    write_rows(folder, 6_000)
    done = syncline("import", "items.jsonl", "--table", "items", folder=folder)
    assert "going on" not in done.stderr
    assert len(names(folder)) == 6_000


def test_what_is_staged_is_as_encrypted_as_the_data(folder: Path) -> None:
    write_rows(folder, 12_000)
    key = {"SYNCLINE_DATA_KEY": "ab" * 32}
    done = interrupted(folder, "reading", signal.SIGKILL, **key)
    assert done.returncode == -signal.SIGKILL, done.stderr
    staged = list((folder / ".syncline").glob("import.db*"))
    assert staged
    assert not any(b"item 1" in file.read_bytes() for file in staged)
    assert all(file.stat().st_mode & 0o077 == 0 for file in staged)
    done = syncline("import", "items.jsonl", "--table", "items", folder=folder, variables=key)
    assert done.returncode == 0, done.stderr
    assert "going on" in done.stderr
