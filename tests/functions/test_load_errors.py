"""What an author reads when the application does not load: word for word."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from support.applications import write_application
from syncline.functions import load_application
from syncline.kernel.errors import SetupError


def error_of(folder: Path, **modules: str) -> str:
    backend = write_application(folder, **modules)
    with pytest.raises(SetupError) as raised:
        load_application(backend)
    return str(raised.value)


def text(expected: str) -> str:
    return textwrap.dedent(expected).strip("\n")


def test_a_syntax_error_shows_the_line_and_the_place(tmp_path: Path) -> None:
    error = error_of(tmp_path, messages="import json\n\ndef send(ctx:\n    return 1\n")
    assert error == text(
        """
        backend/messages.py:3: SyntaxError: '(' was never closed

            3 | def send(ctx:
              |         ^

          help: save the file again once it is fixed
        """
    )


def test_an_indentation_error_is_a_syntax_error_of_its_own_name(tmp_path: Path) -> None:
    error = error_of(tmp_path, admin__users="def a():\n    return 1\n  return 2\n")
    assert error.startswith("backend/admin/users.py:3: IndentationError: unindent does not match any outer")


def test_a_missing_module_says_how_to_get_it(tmp_path: Path) -> None:
    error = error_of(tmp_path, messages="import json\nimport nowhere_to_be_found.x\n")
    assert error == text(
        """
        backend/messages.py:2: ModuleNotFoundError: No module named 'nowhere_to_be_found'

            2 | import nowhere_to_be_found.x
              | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

          help: is nowhere_to_be_found installed in the environment that runs Syncline? For example: pip install nowhere_to_be_found
        """
    )


def test_an_error_while_importing_shows_the_last_line_of_the_application(tmp_path: Path) -> None:
    error = error_of(
        tmp_path, messages="from .helper import read\n", helper='import json\nread = json.loads("{")\n'
    )
    assert error == text(
        """
        backend/helper.py:2: JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)

            2 | read = json.loads("{")
              |        ^^^^^^^^^^^^^^^

          help: modules are imported when the application loads; the line above is the last one of yours that ran
        """
    )


def test_leaving_the_interpreter_is_an_error_too(tmp_path: Path) -> None:
    error = error_of(tmp_path, messages="import sys\nsys.exit(3)\n")
    assert error.startswith("backend/messages.py:2: SystemExit: 3\n")


def test_two_functions_of_one_name_show_both_places(tmp_path: Path) -> None:
    error = error_of(
        tmp_path,
        messages="""
            from syncline.functions import QueryCtx, query


            @query
            def read(ctx: QueryCtx) -> int:
                return 1


            @query(name="read")
            def read_again(ctx: QueryCtx) -> int:
                return 2
        """,
    )
    assert error == text(
        """
        two functions are called messages:read:
          backend/messages.py:5  read
          backend/messages.py:10  read_again
          help: give one of them another name on the wire: @query(name="...")
        """
    )


def test_a_missing_hint_names_function_and_line(tmp_path: Path) -> None:
    error = error_of(
        tmp_path,
        messages="""
            from syncline.functions import QueryCtx, query


            @query
            def read(ctx: QueryCtx, channel) -> int:
                return 1
        """,
    )
    assert error == text(
        """
        backend/messages.py:5: backend.messages.read(), argument channel has no type

            5 | def read(ctx: QueryCtx, channel) -> int:

          help: write channel: str, or what it is
        """
    )


def test_a_missing_return_hint_names_function_and_line(tmp_path: Path) -> None:
    source = (
        "from syncline.functions import QueryCtx, query\n\n@query\ndef read(ctx: QueryCtx):\n    return 1\n"
    )
    error = error_of(tmp_path, messages=source)
    assert error == text(
        """
        backend/messages.py:4: messages:read: the return hint is missing

            4 | def read(ctx: QueryCtx):

          help: write def read(...) -> None: if it returns nothing; results are checked and typed by the hint
        """
    )


def test_an_unknown_type_names_function_and_line(tmp_path: Path) -> None:
    source = (
        "from syncline.functions import QueryCtx, query\n\n"
        "@query\ndef read(ctx: QueryCtx, when: complex) -> int:\n    return 1\n"
    )
    error = error_of(tmp_path, messages=source)
    assert error.startswith("backend/messages.py:4: ")
    assert "complex" in error
    assert "help: use list[float]" in error


def test_a_name_that_exists_for_type_checkers_only_is_explained(tmp_path: Path) -> None:
    source = (
        "from __future__ import annotations\nfrom syncline.functions import QueryCtx, query\n\n"
        "@query\ndef read(ctx: QueryCtx, when: Missing) -> int:\n    return 1\n"
    )
    error = error_of(tmp_path, messages=source)
    assert error.startswith("backend/messages.py:5: ")
    assert "the name 'Missing' in its type is not defined" in error
    assert "not under TYPE_CHECKING" in error


def test_a_wrong_declaration_shows_its_line(tmp_path: Path) -> None:
    source = "from syncline.functions import QueryCtx, query\n\n@query\nasync def read(ctx: QueryCtx) -> int:\n    return 1\n"
    error = error_of(tmp_path, messages=source)
    assert error.startswith("backend/messages.py:3: read is an `async def` or a generator; ")
    assert "    3 | @query\n" in error
    assert error.endswith("or make it an @action to await something")


def test_variable_arguments_are_refused(tmp_path: Path) -> None:
    source = "from syncline.functions import QueryCtx, query\n\n@query\ndef read(ctx: QueryCtx, *names: str) -> int:\n    return 1\n"
    error = error_of(tmp_path, messages=source)
    assert error.startswith("backend/messages.py:4: backend.messages.read() takes *names")


def test_functions_in_the_init_file_of_the_backend_are_refused(tmp_path: Path) -> None:
    source = "from syncline.functions import QueryCtx, query\n\n@query\ndef read(ctx: QueryCtx) -> int:\n    return 1\n"
    error = error_of(tmp_path, __init__=source)
    assert error.startswith(
        "backend/__init__.py:4: functions cannot be in backend/__init__.py: clients call them by module and name"
    )


def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    backend = write_application(tmp_path, messages="")
    (backend / "my-notes.py").write_text("")
    with pytest.raises(SetupError) as raised:
        load_application(backend)
    assert str(raised.value) == (
        "backend/my-notes.py cannot be imported: 'my-notes' is not a Python name\n"
        "  help: rename the file: its name is a part of the names of its functions; or start it with _ to skip it"
    )


def test_a_missing_folder_says_how_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as raised:
        load_application(tmp_path / "backend")
    assert str(raised.value) == (
        f"there is no folder {tmp_path / 'backend'}\n  help: name the folder of the application's functions: --backend DIR"
    )


@pytest.mark.parametrize(
    ("name", "problem"), [("my-app", "is not a Python name"), ("json", "would hide the module 'json'")]
)
def test_a_folder_whose_name_does_not_work_says_so(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(SetupError, match=problem) as raised:
        load_application(tmp_path / name)
    assert str(raised.value).endswith("help: rename it, for example to backend")


def test_an_app_that_is_something_else_is_refused(tmp_path: Path) -> None:
    error = error_of(tmp_path, app="app = 5")
    assert error == (
        "backend/app.py: `app` is a int, not an App\n  help: from syncline import App; app = App()"
    )
