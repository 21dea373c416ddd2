"""`syncline shell`: a Python prompt on the data, beside a server or alone."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from pathlib import Path

import pytest

from support.applications import write_application
from support.processes import SYNCLINE, environment, serving, syncline

ITEMS = """
    from syncline import AppError, Document, Id, Index, MutationCtx, QueryCtx, mutation, query

    class Item(Document):
        name: str
        count: int = 0

        by_name = Index("name")

    @query(name="list")
    def list_items(ctx: QueryCtx) -> list[Item]:
        return ctx.db.query(Item).all()

    @query
    def me(ctx: QueryCtx) -> str:
        return ctx.auth.require().subject

    @mutation
    def put(ctx: MutationCtx, name: str, count: int = 0) -> Id[Item]:
        if not name:
            raise AppError({"code": "no_name"})
        print("putting", name)
        return ctx.db.insert(Item(name=name, count=count))

    @mutation(internal=True)
    def clear(ctx: MutationCtx) -> int:
        items = ctx.db.query(Item).all()
        for item in items:
            ctx.db.delete(item)
        return len(items)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, items=ITEMS)
    return tmp_path


def shell(folder: Path, *lines: str, identity: str | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the lines."""
    acting = [] if identity is None else ["--identity", identity]
    done = syncline("shell", *acting, "-c", "\n".join(lines), folder=folder)
    return done.returncode, done.stdout, done.stderr


FIRST = [
    'id = run(items.put, name="a", count=3)',
    "db.get(id).count",
    "rows = db.query(Item).where(count=gt(1))",
    "rows.count()",
    'new = run("items:put", name="b", count=5)',
    "rows.count()",
    "[item.name for item in run(items.list_items)]",
    "type(run(items.list_items)[0]) is Item",
    "for name in 'cd': run(items.put, name=name) and print(db.query(Item).count())",
    "for item in db.query(Item).where(count=0): new = run('items:put', name=item.name * 2)",
    "[item.name for item in db.query(Item)]",
    "run(items.clear)",
    "db.query(Item).first()",
    "db.query(Item)",
]
SAID = """3
1
2
[
  'a',
  'b',
]
True
3
4
[
  'a',
  'b',
  'c',
  'd',
  'cc',
  'dd',
]
6
a query; nothing is read yet: end it with .take(10), .all(), .first() or .count()
"""


def test_each_statement_reads_what_the_one_before_has_written(folder: Path) -> None:
    assert shell(folder, *FIRST) == (
        0,
        SAID,
        "".join(f"[LOG] 'putting' '{name}'\n" for name in ("a", "b", "c", "d", "cc", "dd")),
    )


def test_beside_a_server_functions_run_in_it_and_reads_see_its_data(folder: Path) -> None:
    with serving(folder):
        assert shell(folder, *FIRST) == (0, SAID, "")
        code, _, err = shell(folder, "with write() as db:", "    pass")
        assert code == 1
        assert err == (
            "error: a server is running on the data, and must do all writes itself\n"
            "  help: write with a mutation: run(messages.send, ...); or stop the server\n"
        )


def test_write_is_one_transaction_kept_or_dropped_whole(folder: Path) -> None:
    code, out, err = shell(
        folder,
        "with write() as db:",
        '    id = db.insert(Item(name="a"))',
        "    db.patch(id, count=4)",
        "db.get(id).count",
        "try:",
        "    with write() as writer:",
        "        writer.delete(id)",
        "        1 / 0",
        "except ZeroDivisionError:",
        "    pass",
        "db.query(Item).count()",
    )
    assert (code, out, err) == (0, "4\n1\n", "")
    assert syncline("check", folder=folder).stdout.endswith("1 document, verified\n")


def test_errors_of_syncline_are_their_text_and_others_a_traceback(folder: Path) -> None:
    assert shell(folder, "db.query(Item).where(nam=3)") == (
        1,
        "",
        "ArgumentError: where: items has no field nam. Did you mean name?\n",
    )
    code, _, err = shell(folder, 'run(items.put, name="")')
    assert code == 1 and err.startswith("FunctionError: items:put: ") and "no_name" in err
    code, _, err = shell(folder, "print(1)", "def f():", "    return 1 / 0", "f()")
    assert code == 1
    assert err.splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "<shell>", line 4, in <module>',
        '  File "<shell>", line 3, in f',
    ]
    assert "shell.py" not in err


def test_functions_act_as_a_user_if_told_so(folder: Path) -> None:
    identity = '{"subject": "ann", "issuer": "local"}'
    assert shell(folder, "run(items.me)", identity=identity) == (0, "'ann'\n", "")
    with serving(folder):
        assert shell(folder, "run(items.me)", identity=identity) == (0, "'ann'\n", "")


def test_code_comes_from_stdin_if_that_is_no_terminal(folder: Path) -> None:
    done = subprocess.run(
        [SYNCLINE, "shell"],
        input="db.query(Item).count()\nimport sys\nsys.exit(7)\n",
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "0\n", "")


def test_on_a_terminal_it_greets_completes_and_goes_on_after_errors(folder: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SYNCLINE, "shell"],
        cwd=folder,
        env=environment(HOME=str(tmp_path), TERM="dumb", PYTHON_BASIC_REPL="1"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    printed = ""

    def until(text: str) -> None:
        nonlocal printed
        while text not in printed:
            ready, _, _ = select.select([ours], [], [], 60)
            assert ready, printed
            printed += os.read(ours, 4096).decode().replace("\r\n", "\n")

    with process:
        until(">>> ")
        assert "  documents  Item\n  functions  items\n" in printed and "no server is running" in printed
        os.write(ours, b'run(items.put, name="x") and db.query(Item).count()\n')
        until("\n1\n>>> ")
        os.write(ours, b"db.quer\t")
        until("db.query(")
        os.write(ours, b"Item).where(nam=1)\n")
        until("ArgumentError: where: items has no field nam. Did you mean name?\n>>> ")
        os.write(ours, b"\x04")
        assert process.wait(30) == 0
    os.close(ours)
    assert "run(items.put" in (tmp_path / ".syncline_history").read_text()
