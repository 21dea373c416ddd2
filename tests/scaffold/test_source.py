"""Adding to modules that people have written."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.kernel.errors import SetupError
from syncline.scaffold.source import appended, names_in, with_imports

RUFF = str(Path(sys.executable).with_name("ruff"))


def test_an_import_that_is_there_is_extended() -> None:
    before = "from syncline import Document\n\n\nclass A(Document): ...\n"
    after = with_imports(before, [("syncline", "Index"), ("syncline", "Document")], "schema.py")
    assert after == before.replace("Document\n", "Document, Index\n", 1)
    assert with_imports(after, [("syncline", "Index")], "schema.py") == after


def test_an_import_in_parentheses_stays_so() -> None:
    before = "from syncline import (\n    Document,\n    query,\n)\n"
    after = with_imports(before, [("syncline", "Index")], "schema.py")
    assert after == "from syncline import (\n    Document,\n    Index,\n    query,\n)\n"


def test_an_import_with_remarks_or_other_names_is_left_as_it_is() -> None:
    for line in ("from syncline import Document  # the base", "from syncline import Document as Base"):
        after = with_imports(f"{line}\n", [("syncline", "Index")], "schema.py")
        assert after == f"{line}\nfrom syncline import Index\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""What is stored."""\n', '"""What is stored."""\n\nfrom typing import Literal\n'),
        (
            "from __future__ import annotations\n\nfrom syncline import Id\n",
            "from __future__ import annotations\n\nfrom typing import Literal\n\nfrom syncline import Id\n",
        ),
        (
            "import re\nfrom uuid import UUID\n",
            "import re\nfrom typing import Literal\nfrom uuid import UUID\n",
        ),
        ("from syncline import Id\n", "from typing import Literal\n\nfrom syncline import Id\n"),
        ("from .other import x\n", "from typing import Literal\n\nfrom .other import x\n"),
        ("", "from typing import Literal\n"),
    ],
)
def test_a_new_import_goes_where_sorted_imports_have_it(before: str, after: str) -> None:
    assert with_imports(before, [("typing", "Literal")], "schema.py") == after


def test_a_module_that_is_not_python_is_refused_with_its_line() -> None:
    with pytest.raises(SetupError, match=r"schema\.py:2 is not Python"):
        with_imports("x = 1\ny = = 2\n", [("typing", "Any")], "schema.py")


def test_text_is_added_below_two_blank_lines() -> None:
    assert appended("x = 1\n\n\n\n", "class A: ...\n") == "x = 1\n\n\nclass A: ...\n"


def test_names_of_a_module_are_what_it_defines_and_imports() -> None:
    text = "import a.b\nfrom c import d as e\nf = 1\ng: int = 2\ndef h(): ...\nclass I: ...\n"
    assert names_in(text, "x.py") == {"a", "e", "f", "g", "h", "I"}


@cache
def empty_folder() -> str:
    return tempfile.mkdtemp(prefix="syncline-imports-")


MODULES = ["typing", "datetime", "uuid", "syncline", "msgspec", ".users"]
PAIRS = st.lists(
    st.tuples(st.sampled_from(MODULES), st.sampled_from(["Alpha", "Beta", "GAMMA", "delta"])), min_size=1
)


@settings(max_examples=20, deadline=None)
@given(st.booleans(), PAIRS, PAIRS)
def test_imports_come_out_sorted_and_formatted(
    docstring: bool, first: list[tuple[str, str]], more: list[tuple[str, str]]
) -> None:
    start = '"""A module."""\n' if docstring else ""
    text = appended(with_imports(start, first, "x.py"), "class Own: ...")
    added = with_imports(text, more, "x.py")
    imported = {
        (("." * node.level) + (node.module or ""), alias.name)
        for node in ast.walk(ast.parse(added))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {*first, *more}
    assert added.endswith("\n\n\nclass Own: ...\n")
    # In a folder of its own: beside a folder `syncline`, ruff would take it for a module of the project.
    for command in (["check", "--select", "I", "--isolated"], ["format", "--check", "--isolated"]):
        finished = subprocess.run(
            [RUFF, *command, "--no-cache", "-"],
            cwd=empty_folder(),
            input=added,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{added}\n{finished.stdout}{finished.stderr}"
