"""`syncline add` as its users see it: what it writes works, and what people have written stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.applications import loaded
from support.processes import syncline
from support.projects import check_python, done
from syncline.functions import Release
from syncline.kernel.errors import SetupError
from syncline.scaffold import plan_table

PYPROJECT = """\
[tool.syncline]
backend = "backend"

[tool.ruff]
line-length = 110

[tool.ruff.lint]
ignore = ["B006", "RUF012"]
"""

SCHEMA = '''\
"""What is stored."""

from datetime import date  # for due dates

from syncline import (
    Document,
    Index,
)


class Task( Document ):  # formatted by hand, and it stays so
    title : str
    due: date|None = None

    by_due = Index( "due" )
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "__init__.py").write_text("")
    (tmp_path / "backend" / "schema.py").write_text(SCHEMA)
    return tmp_path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """An application with one table, for mistakes: they are found before anything is written."""
    with loaded(tmp_path_factory.mktemp("mistakes"), schema=SCHEMA) as release:
        yield release


def add(project: Path, *arguments: str) -> str:
    finished = syncline("add", *arguments, folder=project)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def refusal(project: Path, *arguments: str) -> str:
    before = {file: file.read_bytes() for file in project.rglob("*.py")}
    finished = syncline("add", *arguments, folder=project)
    assert finished.returncode == 1, finished.stdout
    assert {file: file.read_bytes() for file in project.rglob("*.py")} == before
    return finished.stderr


def read(project: Path, path: str) -> str:
    return (project / path).read_text()


def test_a_table_gets_its_class_functions_and_tests(project: Path) -> None:
    told = add(project, "messages", "text:str", "user_id:str", "created_at")
    assert told.splitlines()[1:4] == [
        "  backend/schema.py             added class Message",
        "  backend/messages.py           wrote list, create, update, delete",
        "  tests/test_messages.py        wrote 5 tests",
    ]
    assert "note: `created_at` is built in: every document has it" in told
    assert read(project, "backend/schema.py").endswith(
        "\n\n\nclass Message(Document):\n    text: str\n    user_id: str\n\n"
        '    by_user = Index("user_id")\n    access = owned_by("user_id")\n'
    )
    assert "5 passed" in done(("pytest", "-q"), project)


def test_what_was_written_by_hand_stays_as_it_is(project: Path) -> None:
    add(project, "notes", "on:datetime", "state:open,done")
    text = read(project, "backend/schema.py")
    assert text[text.index("class Task") :].startswith(SCHEMA[SCHEMA.index("class Task") :])
    assert text.startswith(
        '"""What is stored."""\n\nfrom datetime import date  # for due dates\nfrom datetime import datetime\n'
        "from typing import Literal\n\nfrom syncline import (\n    Document,\n    Index,\n    owned_by,\n)\n"
    )


def test_all_types_pass_all_checkers_and_their_own_tests(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "backend" / "schema.py").unlink()
    add(project, "channels", "name:str", "topic:str?", "--no-owner")
    add(
        project, "posts", "title:str", "body:str?", "likes:int=0", "state:open,done=open", "due:date?", "at:datetime",
        "score:float=0.5", "tags:list[str]=[]", "key:uuid", "price:decimal", "big:int64", "raw:bytes", "flag:bool=true",
        "meta:any", "labels:dict[int]", "channel:channels", "reply_to:posts?", "seen_by:list[channels]",
        "quote:str=it's \"so\"", "kind:news|talk", "author:Id[Channel]", "old:str|none",
    )  # fmt: skip
    add(project, "comments", "post:posts", "text:str", "--owner", "writer")
    add(project, "likes", "comment:comments")
    add(project, "TeamMember", "role:owner,guest=guest")
    add(project, "people", "name:str", "--module", "persons")
    add(project, "sheep", "wool:float", "list_of:list[float]")
    schema = read(project, "backend/schema.py")
    assert 'reply_to: "Id[Post] | None" = None' in schema
    assert "old: str | None = None" in schema
    assert 'by_writer = Index("writer")\n    access = owned_by("writer")' in schema
    assert "class TeamMember(Document):" in schema and 'class Person(Document, table="people"):' in schema
    check_python([project], tmp_path_factory.mktemp("cache"))
    done(("pytest", "-q"), project)


def test_a_class_goes_beside_its_functions_where_others_do(project: Path) -> None:
    (project / "backend" / "schema.py").rename(project / "backend" / "tasks.py")
    add(project, "notes", "task:tasks", "text:str")
    assert "from .tasks import Task\n\n\nclass Note(Document):" in read(project, "backend/notes.py")
    assert not (project / "backend" / "schema.py").exists()
    assert not (project / "tests").exists()  # No function makes a task.


def test_tests_that_need_another_table_use_a_mutation_that_makes_one(project: Path) -> None:
    told = add(project, "notes", "task:tasks")
    assert "no tests: they would need a mutation that makes one of the tasks and returns its id" in told
    (project / "backend" / "tasks.py").write_text(
        "from syncline import Id, MutationCtx, mutation\n\nfrom .schema import Task\n\n\n@mutation\n"
        "def plan(ctx: MutationCtx, title: str) -> Id[Task]:\n    return ctx.db.insert(Task(title=title))\n"
    )
    add(project, "remarks", "task:tasks", "text:str")
    assert 'return user.mutation(tasks.plan, title="one")' in read(project, "tests/test_remarks.py")
    assert "5 passed" in done(("pytest", "-q"), project)


def test_the_types_of_a_frontend_follow(project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write("\n[tool.syncline.limits]\nread_documents = 1000\n")
    text = read(project, "pyproject.toml").replace(
        'backend = "backend"', 'backend = "backend"\ntypescript = "web/api"'
    )
    (project / "pyproject.toml").write_text(text)
    assert "web/api" in add(project, "notes", "text:str")
    assert "changes: { text?: string }" in read(project, "web/api/api.d.ts")


def test_a_table_that_exists_is_refused(project: Path) -> None:
    add(project, "notes", "text:str")
    assert refusal(project, "notes", "text:str") == (
        "error: the table `notes` exists already: it is the class Note in backend/schema.py\n"
        "  help: add the fields to that class by hand, or choose another name\n"
    )


def test_a_file_in_the_way_is_refused(project: Path) -> None:
    (project / "backend" / "notes.py").write_text("")
    assert refusal(project, "notes", "text:str") == (
        "error: backend/notes.py exists already\n"
        "  help: put the functions into another module: --module notes_table\n"
    )
    add(project, "notes", "text:str", "--module", "jottings")
    assert "5 passed" in done(("pytest", "-q"), project)


def test_an_application_that_does_not_load_is_refused(project: Path) -> None:
    (project / "backend" / "broken.py").write_text("import nothing_of_the_kind\n")
    assert "backend/broken.py:1" in refusal(project, "notes", "text:str")


def test_nothing_changes_if_the_application_would_not_load_afterwards(project: Path) -> None:
    # A module that may be imported only as long as there is no other one.
    (project / "backend" / "alone.py").write_text(
        "from pathlib import Path\n\nassert not (Path(__file__).parent / 'notes.py').exists(), 'not alone'\n"
    )
    assert "nothing was changed" in refusal(project, "notes", "text:str")


@pytest.mark.parametrize(
    ("arguments", "said", "better"),
    [
        (["my-notes", "text:str"], "'my-notes' cannot name a table", "try `my_notes`"),
        (["_notes", "text:str"], "names that begin with _ are reserved", "try `notes`"),
        (["NOTES", "text:str"], "write it in small letters", "try `notes`"),
        (["notes", "text"], "the field `text` has no type", "write text:str"),
        (["notes", "text:strr"], "`strr` is no type and no table", "did you mean `text:str`?"),
        (["notes", "task:task"], "`task` is no type and no table", "did you mean `task:tasks`?"),
        (["notes", "task:Id[Nobody]"], "`Nobody` is no type and no table", "tables: notes, tasks"),
        (["notes", "class:str"], "it is a word of Python", "try `class_`"),
        (["notes", "date:date"], "it is the name of a type", "try `date_value`"),
        (["notes", "access:str"], "Syncline keeps this name for itself", "try `access_`"),
        (["notes", "ctx:str"], "the functions have a parameter of this name", "try `ctx_`"),
        (["notes", "a-b:str"], "names are letters, digits and _", "try `a_b`"),
        (["notes", "text:str", "text:int"], "the field `text` is there twice", "leave one out"),
        (["notes", "count:int=many"], "`many` is no default for int", "leave `=many` out"),
        (["notes", "state:open,done=shut"], "`shut` is no default", "leave `=shut` out"),
        (["notes", "state:open,open"], "one of its values is written twice", "write state:open"),
        (["notes", "state:1st,2nd"], "'1st' cannot be one of its values", "write words"),
        (["notes", "value:int|str"], "values of several types cannot be written here", "change its hint to `int | str`"),
        (["notes", "user_id:tasks"], "the owner's field `user_id` holds the subject", "give --no-owner"),
        (["notes", "created_at", "--no-owner"], "there is no field", "name at least one"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_what_to_write(
    release: Release, arguments: list[str], said: str, better: str
) -> None:
    table, *fields = arguments
    owner = None if "--no-owner" in fields else "user_id"
    with pytest.raises(SetupError) as refused:
        plan_table(
            release, table, [text for text in fields if text != "--no-owner"], owner=owner, module=None
        )
    assert said in str(refused.value) and better in refused.value.hint


def test_fields_are_explained(project: Path) -> None:
    text = syncline("add", "--help", folder=project).stdout
    for word in ("str int float bool", "open,done", "--owner FIELD", "--no-owner"):
        assert re.search(re.escape(word), text)
    assert syncline("add", "notes", folder=project).returncode == 2
