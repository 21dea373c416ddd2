"""What a user reads when something is not as it should be: to the letter, with the next thing to do."""

from __future__ import annotations

import io
import re
import socket
import sqlite3
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from support.applications import write_application
from support.notes import MODULES
from support.processes import serving, syncline
from syncline.kernel.errors import SetupError
from syncline.server.errors import show_setup_error


def fails(folder: Path, *arguments: str, expected: str) -> None:
    """The command ends with exit code 1 and exactly this on stderr; `{folder}` in it is the folder."""
    done = syncline(*arguments, folder=folder)
    text = textwrap.dedent(expected).lstrip("\n").replace("{folder}", str(folder))
    assert done.stderr == text
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    "command", [("dev", "--port", "0"), ("start", "--port", "0"), ("check",), ("run", "messages:list")]
)
def test_a_syntax_error_is_shown_in_its_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    source = """
        from syncline import QueryCtx, query

        @query
        def list_messages(ctx: QueryCtx) -> list[str]
            return []
    """
    write_application(tmp_path, messages=source)
    expected = """
        error: backend/messages.py:4: SyntaxError: expected ':'

            4 | def list_messages(ctx: QueryCtx) -> list[str]
              |                                              ^

          help: save the file again once it is fixed
    """
    fails(tmp_path, *command, expected=expected)


def test_a_type_that_cannot_be_stored_names_class_and_field(tmp_path: Path) -> None:
    source = """
        from syncline import Document

        class Message(Document):
            body: str
            tags: set[str]
    """
    write_application(tmp_path, schema=source)
    expected = """
        error: Message.tags: set[str] cannot be stored in a document
          help: use list[...]
    """
    fails(tmp_path, "dev", "--port", "0", expected=expected)


def test_a_type_that_cannot_be_an_argument_names_function_and_argument(tmp_path: Path) -> None:
    source = """
        from syncline import QueryCtx, query

        @query
        def find(ctx: QueryCtx, words: set[str]) -> None: ...
    """
    write_application(tmp_path, messages=source)
    expected = """
        error: backend/messages.py:4: backend.messages.find(), argument words: set[str] cannot be an argument

            4 | def find(ctx: QueryCtx, words: set[str]) -> None: ...

          help: use list[...]
    """
    fails(tmp_path, "check", expected=expected)


def test_a_duplicate_name_shows_both_places(tmp_path: Path) -> None:
    source = """
        from syncline import QueryCtx, query

        @query(name="list")
        def first(ctx: QueryCtx) -> None: ...

        @query(name="list")
        def second(ctx: QueryCtx) -> None: ...
    """
    write_application(tmp_path, messages=source)
    expected = """
        error: two functions are called messages:list:
          backend/messages.py:4  first
          backend/messages.py:7  second
          help: give one of them another name on the wire: @query(name="...")
    """
    fails(tmp_path, "start", "--port", "0", expected=expected)


def test_two_documents_of_one_table_are_both_named(tmp_path: Path) -> None:
    source = """
        from syncline import Document

        class Message(Document):
            body: str

        class Letter(Document, table="messages"):
            body: str
    """
    write_application(tmp_path, schema=source)
    expected = """
        error: two documents have the table 'messages': backend.schema.Message and backend.schema.Letter
          help: give one of them another name: class ...(Document, table="...")
    """
    fails(tmp_path, "check", expected=expected)


def test_a_missing_module_says_where_and_how_to_get_it(tmp_path: Path) -> None:
    write_application(tmp_path, messages="import numpie\n")
    expected = """
        error: backend/messages.py:1: ModuleNotFoundError: No module named 'numpie'

            1 | import numpie
              | ^^^^^^^^^^^^^

          help: is numpie installed in the environment that runs Syncline? For example: pip install numpie
    """
    fails(tmp_path, "check", expected=expected)


def test_no_backend_folder(tmp_path: Path) -> None:
    expected = """
        error: there is no folder {folder}/backend
          help: name the folder of the application's functions: --backend DIR
    """
    fails(tmp_path, "dev", "--port", "0", expected=expected)


def test_a_port_that_is_in_use(tmp_path: Path) -> None:
    write_application(tmp_path, **MODULES)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        expected = f"""
            error: cannot listen on 127.0.0.1 port {port}: Address already in use
              help: stop what listens there, or name another port: --port {port + 1}
        """
        fails(tmp_path, "dev", "--port", str(port), expected=expected)


def test_a_data_folder_that_is_in_use_names_who_uses_it(tmp_path: Path) -> None:
    write_application(tmp_path, **MODULES)
    with serving(tmp_path, "start") as server:
        (child,) = server.children()
        expected = f"""
            error[folder_locked]: the data folder {{folder}}/.syncline is in use by process {child} (syncline start --port 0)
              help: stop that process, or give this one a folder of its own with --data
        """
        fails(tmp_path, "dev", "--port", "0", expected=expected)


def test_a_data_folder_that_is_none(tmp_path: Path) -> None:
    write_application(tmp_path, **MODULES)
    (tmp_path / "file").write_text("x")
    expected = """
        error[folder_unusable]: the data folder {folder}/file is not a folder
          help: name a folder with --data; it is made if it does not exist
    """
    fails(tmp_path, "dev", "--port", "0", "--data", "file", expected=expected)


def filled(folder: Path) -> Path:
    """A database with a note in it, closed."""
    write_application(folder, **MODULES)
    assert syncline("run", "notes:add", '{"text": "x"}', folder=folder).returncode == 0
    return folder / ".syncline" / "syncline.db"


def test_data_of_a_newer_version(tmp_path: Path) -> None:
    database = filled(tmp_path)
    with closing(sqlite3.connect(database)) as connection:
        ((version,),) = connection.execute("PRAGMA user_version")
        connection.execute("PRAGMA user_version = 99")
    expected = f"""
        error[newer_data]: {{folder}}/.syncline/syncline.db was written by a newer version of Syncline (data format 99, this version reads up to {version})
          help: start the version of Syncline that wrote it, or a newer one
    """
    fails(tmp_path, "start", "--port", "0", expected=expected)


def test_a_file_that_is_damaged_at_its_start(tmp_path: Path) -> None:
    filled(tmp_path).write_bytes(b"\x9f" * 8192)
    expected = """
        error[wrong_key]: {folder}/.syncline/syncline.db is encrypted, or damaged at its start
          help: give the encryption key (SYNCLINE_DATA_KEY); if the data was never encrypted, restore the newest backup
    """
    fails(tmp_path, "start", "--port", "0", expected=expected)


def test_a_file_that_is_damaged_further_on(tmp_path: Path) -> None:
    database = filled(tmp_path)
    content = bytearray(database.read_bytes())
    content[100:4000] = b"\x9f" * 3900
    database.write_bytes(bytes(content))
    done = syncline("start", "--port", "0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    first, last = done.stderr.splitlines()
    assert first.startswith(f"error[corrupt_data]: {database} is damaged (")
    assert last == "  help: keep a copy of the data folder, then restore the newest backup"


def test_a_schema_that_the_data_do_not_fit(tmp_path: Path) -> None:
    filled(tmp_path)
    write_application(tmp_path, schema=MODULES["schema"].replace("text: str", "text: int"))
    done = syncline("start", "--port", "0", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[:2] == [
        "error: the stored data does not fit the schema",
        "  1 document does not fit notes (backend.schema.Note), the first:",
    ]
    assert lines[2].endswith(' at notes.text: expected int, got "x" (str)')
    assert lines[3].startswith("  help: ") and lines[3].endswith("Nothing was changed")


def test_a_wrong_setting_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\nprot = 1\n")
    expected = """
        error: `prot` under [tool.syncline] in {folder}/pyproject.toml is not a setting
          help: did you mean `port`?
    """
    fails(tmp_path, "dev", expected=expected)


def test_errors_are_coloured_on_terminals_only_and_not_with_no_color(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, variables, coloured in (
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
    ):
        show_setup_error(SetupError("x", "y"), variables, stream)
        assert ("\x1b[" in stream.getvalue()) is coloured
        assert stream.getvalue().endswith(": x\n  help: y\n")


BROKEN = """
    from syncline import AppError, Document, Index, MutationCtx, QueryCtx, mutation, query

    class User(Document):
        name: str

        by_name = Index("name", unique=True)

    @query
    def greet(ctx: QueryCtx, name: str) -> str:
        return f"Hello {name}"

    @query
    def wrong(ctx: QueryCtx) -> int:
        return "x"

    @query
    def bug(ctx: QueryCtx) -> int:
        return {}["x"]

    @query
    def refuse(ctx: QueryCtx) -> int:
        raise AppError({"code": "closed", "message": "we are closed"})

    @query
    def endless(ctx: QueryCtx) -> int:
        number = 0
        while True:
            number += 1

    @mutation
    def twice(ctx: MutationCtx) -> None:
        for _ in range(2):
            ctx.db.insert(User(name="ann"))
"""


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("users:greet", '{"nam": "x"}'),
            [
                "error: arguments that do not fit: there is no argument `nam` (did you mean `name`?)",
                "  the function takes: v.object({name: v.string()})",
                "  request id: ...",
                "  code: invalid_argument",
            ],
        ),
        (
            ("users:greet", '{"name": 3}'),
            [
                "error: arguments that do not fit: `name`: expected str, got 3.0 (float)",
                "  the function takes: v.object({name: v.string()})",
                "  request id: ...",
                "  code: invalid_argument",
            ],
        ),
        (
            ("users:greet",),
            [
                "error: arguments that do not fit: `name`: expected str, got nothing",
                "  the function takes: v.object({name: v.string()})",
                "  request id: ...",
                "  code: invalid_argument",
            ],
        ),
        (
            ("users:wrong",),
            [
                'error: a result that is not what its hint says: its result: expected int, got "x" (str)',
                "  the function returns: v.number()",
                "  request id: ...",
            ],
        ),
        (
            ("users:refuse",),
            [
                "error: AppError: we are closed",
                "    at refuse (backend/users.py:22:5)",
                "  request id: ...",
                "  code: closed",
            ],
        ),
        (
            ("users:twice",),
            [
                "error: UniqueError: a document with this key already exists in the unique index users.by_name. Look for "
                "it first (`where`, then `unique`), and change that one; or catch UniqueError where it is expected",
                "    at twice (backend/users.py:33:9)",
                "  request id: ...",
                "  code: not_unique",
            ],
        ),
    ],
)
def test_a_failure_says_first_what_the_application_says(
    tmp_path: Path, arguments: tuple[str, ...], lines: list[str]
) -> None:
    write_application(tmp_path, users=BROKEN)
    done = syncline("run", *arguments, folder=tmp_path)
    assert done.returncode == 1
    told = [re.sub(r"request id: \w{16}$", "request id: ...", line) for line in done.stderr.splitlines()]
    assert told == lines


def test_a_bug_ends_with_its_message_and_a_run_away_function_with_its_line(tmp_path: Path) -> None:
    write_application(tmp_path, users=BROKEN)
    told = syncline("run", "users:bug", folder=tmp_path).stderr.splitlines()
    assert told[-3:-1] == ["error: KeyError: 'x'", "    at bug (backend/users.py:18:12)"]
    told = syncline("run", "users:endless", folder=tmp_path).stderr.splitlines()
    assert re.search(r" It was at line 2[678] of backend/users\.py, in endless\. ", told[0])


def test_a_server_in_production_says_where_the_reason_is(tmp_path: Path) -> None:
    write_application(tmp_path, users=BROKEN)
    with serving(tmp_path, "start"):
        told = syncline("run", "users:bug", folder=tmp_path).stderr.splitlines()
        mistyped = syncline("run", "users:greet", '{"nam": "x"}', folder=tmp_path).stderr.splitlines()
        refused = syncline("run", "users:refuse", folder=tmp_path).stderr.splitlines()
    assert mistyped[0] == (
        "error: arguments that do not fit: there is no argument `nam` (did you mean `name`?)"
    )
    assert (refused[0], refused[-1]) == ("error: we are closed", "  code: closed")
    assert told[0] == "error: the server keeps the reason for its log: look there for the request id"
    assert re.fullmatch(r"  request id: \w{16}", told[1])
