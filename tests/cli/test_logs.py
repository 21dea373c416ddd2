"""`syncline logs`: calls of every kind, with what they printed and how they failed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.processes import SYNCLINE, environment, serving, syncline

FUNCTIONS = """
from syncline import ActionCtx, AppError, Document, MutationCtx, QueryCtx, action, mutation, query

class Note(Document):
    text: str

@mutation
def add(ctx: MutationCtx, text: str) -> None:
    print("adding", text)
    ctx.db.insert(Note(text=text))

@query
def count(ctx: QueryCtx) -> int:
    ctx.log.warning("counting")
    return ctx.db.query(Note).count()

@action
async def fail(ctx: ActionCtx) -> None:
    raise ValueError("out of ink")
"""


@pytest.fixture(scope="module", params=["dev", "start"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("logs")
    write_application(folder, notes=FUNCTIONS)
    with serving(folder, request.param):
        for arguments in (["notes:add", '{"text": "milk"}'], ["notes:count"], ["notes:fail"]):
            syncline("run", *arguments, folder=folder)
        yield folder


def logs(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = syncline("logs", "--json", *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_calls_of_every_kind_are_shown_in_order(folder: Path) -> None:
    add, count, fail = logs(folder)
    assert [(entry["kind"], entry["function"], entry["caller"]) for entry in (add, fail)] == [
        ("mutation", "notes:add", "Admin"),
        ("action", "notes:fail", "Admin"),
    ]
    assert add["lines"] == ["[LOG] 'adding' 'milk'"] and add["error"] is None
    assert (count["function"], count["lines"]) == ("notes:count", ["[WARN] 'counting'"])
    assert add["time"] < count["time"] < fail["time"]
    assert fail["error"].startswith("Traceback") and fail["error"].rstrip().endswith("ValueError: out of ink")
    assert len(fail["requestId"]) == 16


@pytest.mark.parametrize(
    ("arguments", "functions"),
    [
        (["--errors"], ["notes:fail"]),
        (["--function", "notes:[ac]*"], ["notes:add", "notes:count"]),
        (["--kind", "query"], ["notes:count"]),
        (["--search", "milk"], ["notes:add"]),
        (["--search", "ink"], ["notes:fail"]),
        (["--limit", "1"], ["notes:fail"]),
        (["--limit", "0"], []),
    ],
    ids=" ".join,
)
def test_filters_choose(folder: Path, arguments: list[str], functions: list[str]) -> None:
    assert [entry["function"] for entry in logs(folder, *arguments)] == functions


def test_people_read_columns(folder: Path) -> None:
    done = syncline("logs", folder=folder)
    text = done.stdout
    assert "  mutation  notes:add" in text and "            [LOG] 'adding' 'milk'\n" in text
    assert "ValueError: out of ink  [" in text


def test_following_goes_on(folder: Path) -> None:
    command = [SYNCLINE, "logs", "--follow", "--json"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            shown = json.loads(process.stdout.readline())  # It has begun: what comes now comes by following.
            syncline("run", "notes:add", '{"text": "later"}', folder=folder)
            while shown["lines"] != ["[LOG] 'adding' 'later'"]:
                shown = json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_without_a_server_the_remedy_is_named(tmp_path: Path) -> None:
    done = syncline("logs", folder=tmp_path)
    assert done.returncode == 1
    assert "no server is running on the data folder" in done.stderr and "syncline dev" in done.stderr
