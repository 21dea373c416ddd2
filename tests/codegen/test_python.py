"""The generated Python module: what it says, what type checkers make of it, and that it works."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from support.applications import loaded, write_application
from support.processes import serving, syncline
from support.projects import MYPY_CACHE
from syncline.client import ClientError, SyncClient
from syncline.codegen import generate_python

ROOT = Path(__file__).resolve().parents[2]

MODULES = {
    "schema": """
        from enum import Enum
        from typing import TypedDict

        from syncline import Document, Id, Int64

        class Colour(Enum):
            RED = "red"
            BLUE = "blue"

        class Place(TypedDict):
            street: str
            number: int

        class User(Document):
            name: str

        class Note(Document):
            '''A note: of "somebody".'''
            author: Id[User]
            text: str
            colour: Colour = Colour.RED
            tags: list[str] = []
            place: Place | None = None
            views: Int64 = Int64(0)
    """,
    "notes": """
        from __future__ import annotations

        from dataclasses import dataclass, field
        from datetime import date, datetime
        from decimal import Decimal
        from typing import Any, Literal, NotRequired, TypedDict
        from uuid import UUID

        from syncline import (
            ActionCtx, Id, Int64, MutationCtx, Page, PaginationOptions, QueryCtx, action, mutation, query,
        )
        from .schema import Colour, Note, Place, User

        @dataclass
        class Filter:
            text: str = ""
            colours: list[str] = field(default_factory=list)

        class Tree(TypedDict):
            name: str
            children: list[Tree]
            size: NotRequired[int]

        @query(name="list")
        def list_notes(ctx: QueryCtx, text: str = "", limit: int = 50) -> list[Note]:
            "Notes, with \\\\ and \\"quotes\\" at the \\"end\\""
            return [note for note in ctx.db.query(Note) if text in note.text][:limit]

        @query
        def find(ctx: QueryCtx, filter: Filter, kind: Literal["a", 3, None] = None) -> Note | None:
            return ctx.db.query(Note).where(text=filter.text).first()

        @query
        def page(ctx: QueryCtx, options: PaginationOptions) -> Page[Note]:
            return ctx.db.query(Note).paginate(options)

        @query
        def everything(ctx: QueryCtx, moment: datetime, day: date, id: UUID, amount: Decimal, raw: bytes, big: Int64) -> dict[str, Any]:
            return {"year": day.year, "moment": moment.isoformat(), "id": str(id), "amount": str(amount), "raw": raw, "big": big}

        @query
        def grow(ctx: QueryCtx, depth: int) -> Tree:
            return {"name": str(depth), "children": [grow(ctx, depth - 1)] if depth else []}

        @mutation
        def add(
            ctx: MutationCtx, author: Id[User], text: str, colour: Colour = Colour.BLUE, place: Place | None = None
        ) -> Id[Note]:
            return ctx.db.insert(Note(author=author, text=text, colour=colour, place=place))

        @mutation
        def sign_up(ctx: MutationCtx, name: str) -> Id[User]:
            return ctx.db.insert(User(name=name))

        @mutation(internal=True)
        def secret(ctx: MutationCtx) -> None: ...

        @action
        async def double(ctx: ActionCtx, number: float) -> float:
            return 2 * number
    """,
    "admin__users": """
        from syncline import QueryCtx, query

        @query(name="import")
        def imported(ctx: QueryCtx) -> list[int]:
            return [1, 2]
    """,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    with loaded(folder, **MODULES) as release:
        (folder / "generated.py").write_text(generate_python(release.registry).text)
    return folder


def test_it_is_flat_and_explicit(folder: Path) -> None:
    text = (folder / "generated.py").read_text()
    for part in (
        'NoteId = NewType("NoteId", str)',
        textwrap.dedent(
            """\
            Note = TypedDict("Note", {
                "_id": NoteId,
                "_creationTime": float,
                "author": UserId,
                "text": str,
                "colour": Literal['red', 'blue'],
                "tags": list[str],
                "place": Place | None,
                "views": Int64,
            })
            """
        ),
        'FilterInput = TypedDict("FilterInput", {\n    "text": NotRequired[str],\n    "colours": NotRequired[list[str]],\n})',
        '"children": "list[Tree]",\n    "size": NotRequired[int],',
        "def _notes__add(_: Any, author: UserId, text: str, colour: Literal['red', 'blue'] = 'blue', place: Place | None = None) -> NoteId:",
        'class _AdminUsers:\n    import_ = remote.query("admin/users:import", _admin_users__import)',
    ):
        assert part in text
    assert "secret" not in text


RIGHT = """
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, assert_type
from uuid import UUID

from generated import Note, NoteId, UserId, api
from syncline import Int64, Page, PaginationOptions
from syncline.client import Client, Subscription, SyncClient, Update


async def right(client: Client) -> None:
    user = await client.mutation(api.notes.sign_up, "ann")
    assert_type(user, UserId)
    note = await client.mutation(api.notes.add, author=user, text="x", colour="red", place={"street": "s", "number": 1})
    assert_type(note, NoteId)
    found = await client.query(api.notes.list, text="x", limit=3)
    assert_type(found, list[Note])
    for each in await client.query(api.notes.list):
        assert_type(each["colour"], Literal["red", "blue"])
        assert_type(each["author"], UserId)
    one = await client.query(api.notes.find, {"text": "x"}, kind=3)
    if one is not None and one["place"] is not None:
        print(one["place"]["number"] + 1)
    page = await client.query(api.notes.page, PaginationOptions(num_items=3))
    assert_type(page, Page[Note])
    values = await client.query(
        api.notes.everything, datetime.now(), date.today(), UUID(int=1), Decimal(1), raw=b"", big=Int64(3)
    )
    assert_type(values, dict[str, Any])
    assert_type(await client.action(api.notes.double, 2), float)
    assert_type(client.subscribe(api.notes.list, text="x"), Subscription[list[Note]])
    async for notes in client.subscribe(api.notes.list):
        assert_type(notes, list[Note])
    assert_type(await client.query(api.admin.users.import_), list[int])


def show(update: Update[list[Note]]) -> None: ...


def blocking(client: SyncClient, user: UserId) -> None:
    assert_type(client.query(api.notes.list), list[Note])
    assert_type(client.mutation(api.notes.add, user, "x"), NoteId)
    client.subscribe(api.notes.list, show, text="x")
"""

#: One mistake per line.
WRONG = """
from generated import NoteId, UserId, api
from syncline.client import Client, SyncClient, Update

def show(update: Update[int]) -> None: ...

async def wrong(client: Client, blocking: SyncClient, user: UserId, note: NoteId) -> None:
    await client.query(api.notes.lst)  # no such function
    await client.query(api.notse.list)  # no such module
    await client.query(api.notes.list, txt="x")  # no such argument
    await client.query(api.notes.list, limit="3")  # not an int
    await client.mutation(api.notes.add, author=user)  # text is missing
    await client.mutation(api.notes.add, author=note, text="x")  # the id of another table
    await client.mutation(api.notes.add, author="abc", text="x")  # not an id
    await client.mutation(api.notes.add, author=user, text="x", colour="green")  # not a colour
    await client.mutation(api.notes.add, author=user, text="x", place={"street": "s"})  # number is missing
    await client.mutation(api.notes.list)  # a query
    await client.query(api.notes.add, author=user, text="x")  # a mutation
    await client.action(api.notes.list)  # a query
    client.subscribe(api.notes.add, user, "x")  # a mutation
    number: int = await client.query(api.notes.list)  # a list
    print((await client.query(api.notes.list))[0]["txt"])  # no such field
    print((await client.query(api.notes.find, {}))["text"])  # perhaps None
    await client.query(api.notes.find, {"txt": "x"})  # no such field
    blocking.subscribe(api.notes.list, show)  # another result
    blocking.query(api.notes.double, 3)  # an action
"""


def numbered(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if "  # " in line]


def test_mypy_takes_right_calls_and_refuses_each_wrong_one(folder: Path) -> None:
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(WRONG)
    options = ["--strict", "--no-error-summary", "--no-color-output", f"--cache-dir={MYPY_CACHE}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", *options, "right.py", "wrong.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"MYPYPATH": f"{folder}:{ROOT / 'src'}", "PATH": ""},
    )
    reported = re.findall(r"^(.+?):(\d+): error:", done.stdout, re.MULTILINE)
    assert all(name.endswith("wrong.py") for name, _ in reported), done.stdout
    assert sorted({int(line) for _, line in reported}) == numbered(WRONG), done.stdout


def test_pyright_takes_right_calls_and_refuses_each_wrong_one(folder: Path) -> None:
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(WRONG)
    settings = {
        "include": ["generated.py", "right.py", "wrong.py"],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(ROOT / "src")],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--project", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [each for each in json.loads(done.stdout)["generalDiagnostics"] if each["severity"] == "error"]
    assert all(each["file"].endswith("wrong.py") for each in errors), done.stdout
    assert sorted({each["range"]["start"]["line"] + 1 for each in errors}) == numbered(WRONG), done.stdout


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[SyncClient]:
    write_application(folder, **MODULES)
    with serving(folder) as server, SyncClient(server.url) as client:
        yield client


def generated(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("generated_client", folder / "generated.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generated_client"] = module
    spec.loader.exec_module(module)
    return module


def test_it_calls_a_server_with_python_values(folder: Path, client: SyncClient) -> None:
    api = generated(folder).api
    user = client.mutation(api.notes.sign_up, "ann")
    id = client.mutation(api.notes.add, user, "hello", place={"street": "s", "number": 3})
    (note,) = client.query(api.notes.list, text="hell")
    assert (note["_id"], note["author"], note["colour"], note["tags"]) == (id, user, "blue", [])
    assert note["place"] == {"street": "s", "number": 3} and type(note["place"]["number"]) is int
    assert client.query(api.notes.find, {"text": "hello"}, kind=3) == note
    assert client.query(api.notes.find, {}) is None
    assert client.query(api.admin.users.import_) == [1, 2]
    assert client.action(api.notes.double, 2.5) == 5.0
    assert client.query(api.notes.grow, 1) == {"name": "1", "children": [{"name": "0", "children": []}]}
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    uuid = generated(folder).UUID(int=1)
    values = client.query(
        api.notes.everything,
        moment,
        date(2025, 1, 1),
        uuid,
        generated(folder).Decimal("1.5"),
        raw=b"x",
        big=3,
    )
    assert values["year"] == 2025.0 and values["amount"] == "1.5" and values["raw"] == b"x"


def test_the_wrong_kind_is_refused_before_anything_is_sent(folder: Path, client: SyncClient) -> None:
    api = generated(folder).api
    with pytest.raises(TypeError, match=r"is a query: call it by client.query"):
        client.mutation(api.notes.list)
    with pytest.raises(RuntimeError, match="runs on a server"):
        api.notes.list.fn(None)
    assert repr(api.notes.list) == "<query notes:list>"


def test_the_command_writes_it_once_and_knows_when_it_is_stale(tmp_path: Path) -> None:
    write_application(tmp_path, **MODULES)
    (tmp_path / "pyproject.toml").write_text('[tool.syncline]\npython = "worker/api.py"\n')
    done = syncline("codegen", "--check", folder=tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "error: api.py in worker not up to date\n  help: run `syncline codegen`\n",
    )
    assert syncline("codegen", folder=tmp_path).stdout == "  worker  wrote api.py\n"
    assert syncline("codegen", folder=tmp_path).stdout == "  worker  nothing to do\n"
    assert syncline("codegen", "--check", folder=tmp_path).stdout == "  worker  up to date\n"
    write_application(tmp_path, notes=MODULES["notes"].replace("limit: int = 50", "limit: int = 60"))
    assert syncline("codegen", "--check", folder=tmp_path).returncode == 1
    assert syncline("codegen", "--python", "other.py", folder=tmp_path).stdout.endswith("  wrote other.py\n")


def test_dev_writes_it_on_save(tmp_path: Path) -> None:
    write_application(tmp_path, **MODULES)
    (tmp_path / "pyproject.toml").write_text('[tool.syncline]\npython = "worker/api.py"\n')
    with serving(tmp_path) as server:
        server.wait_for("wrote worker/api.py")
        write_application(tmp_path, notes=MODULES["notes"].replace("limit: int = 50", "limit: int = 60"))
        server.wait_for("wrote worker/api.py", times=2)
    assert "limit: int = 60" in (tmp_path / "worker" / "api.py").read_text()


def test_a_result_that_does_not_fit_says_that_versions_differ(folder: Path, client: SyncClient) -> None:
    module = generated(folder)

    def other(_: Any, text: str = "") -> list[int]:
        raise AssertionError

    client.mutation(module.api.notes.sign_up, "bob")
    user = client.mutation(module.api.notes.sign_up, "bob")
    client.mutation(module.api.notes.add, user, "z")
    other.__annotations__ = {"_": Any, "text": str, "return": list[int]}
    with pytest.raises(ClientError, match="another version"):
        client.query(module.remote.query("notes:list", other))
