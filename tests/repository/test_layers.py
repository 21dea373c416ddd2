"""Who may import whom, read from the syntax trees: nothing is imported to find out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "syncline"
TEMPLATES = SOURCE / "templates"

#: A package may import from packages of a lower rank only; packages of one rank do not know each other.
RANK = {
    "kernel": 0,
    "values": 1,
    "auth": 1,
    "identity": 2,
    "protocol": 2,
    "text": 2,
    "files": 3,
    "schema": 3,
    "store": 3,
    "system": 4,
    "database": 5,
    "client": 5,
    "functions": 6,
    "sync": 7,
    "jobs": 7,
    "helpers": 7,
    "http": 8,
    "accounts": 8,
    "server": 9,
    "analysis": 7,
    "codegen": 7,
    "transfer": 7,
    "scaffold": 7,
    "cli": 10,
    "testing": 11,
}
#: `syncline/__init__.py` re-exports what authors use; the command line stands above it.
FACADE = "syncline"

#: May be missing from an installation, or slow to import and seldom needed.
OPTIONAL = {
    "PIL",
    "a2wsgi",
    "boto3",
    "botocore",
    "disposable_email_domains",
    "numpy",
    "usearch",
    "aiosmtplib",
    "argon2",
    "bcrypt",
    "certifi",
    "cryptography",
    "httpcore",
    "httpx",
    "jinja2",
    "joserfc",
    "pydantic",
    "pyotp",
    "rich",
    "segno",
    "uvloop",
    "watchfiles",
    "webauthn",
}

LOOPS_AND_SOCKETS = {
    "asyncio", "socket", "socketserver", "selectors", "ssl", "http", "urllib", "anyio", "uvloop", "uvicorn",
    "starlette", "picows", "httptools", "httpx", "websockets",
}  # fmt: skip
#: Below `http` only these may touch event loops: `async def` actions run on one of their own, and the client has a
#: shell around its state machine.
LOOPS_ALLOWED = {
    "functions/action_http.py", "functions/checked_network.py", "functions/action_loop.py", "functions/action_run.py", "functions/storage_actions.py",
    "functions/streams.py", "functions/contexts.py",  # the type of ctx.http
    "client/blocking.py", "client/client.py", "client/link.py", "client/subscription.py",
    "client/accounts/client.py", "client/accounts/transport.py",
    "client/login_server.py", "client/logins.py",
}  # fmt: skip

CHANCE_AND_TIME = {
    "time", "secrets", "os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "random.random", "random.randint",
    "random.choice", "random.randbytes", "random.getrandbits", "random.SystemRandom", "datetime.now",
    "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today",
    "date.today",
}  # fmt: skip
#: The clock itself, and the modules that keep functions from the machine's clock and chance.
CHANCE_AND_TIME_ALLOWED = {
    "files/sealing.py",
    "kernel/clock.py",
    "kernel/secrets.py",
    "functions/guards.py",
    "functions/shadows.py",
}


@dataclass(frozen=True)
class Import:
    """One import: `target` is the full dotted name, `inside` the function that holds it, if any."""

    file: str
    line: int
    target: str
    inside: str | None

    def __str__(self) -> str:
        where = f" (inside {self.inside})" if self.inside else ""
        return f"src/syncline/{self.file}:{self.line}: {self.target}{where}"

    @property
    def package(self) -> str:
        return self.file.split("/")[0].removesuffix(".py")


def modules() -> list[Path]:
    """All of ours: what is in templates belongs to the applications that are made from them."""
    return sorted(path for path in SOURCE.rglob("*.py") if TEMPLATES not in path.parents)


def imports_of(path: Path) -> Iterator[Import]:
    file = path.relative_to(SOURCE).as_posix()
    package = ["syncline", *path.relative_to(SOURCE).parent.parts]

    def walk(node: ast.AST, inside: str | None) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(file, child.lineno, alias.name, inside)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                for alias in child.names:
                    yield Import(file, child.lineno, f"{module}.{alias.name}", inside)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from walk(child, child.name)
            else:
                yield from walk(child, inside)

    yield from walk(ast.parse(path.read_text(), str(path)), None)


def all_imports() -> list[Import]:
    return [found for path in modules() for found in imports_of(path)]


def ours(target: str) -> str | None:
    """The package of a target inside syncline: "values" for `syncline.values.ids.encode_id`."""
    parts = target.split(".")
    if parts[0] != "syncline":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in RANK else FACADE


def report(title: str, found: list[Import]) -> None:
    assert not found, "\n".join([title, *map(str, found)])


def test_every_package_has_a_rank() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages == set(RANK)


def test_packages_import_only_what_lies_below_them() -> None:
    wrong: list[Import] = []
    for found in all_imports():
        target = ours(found.target)
        if target is None or found.package in ("__init__", target) or found.target == "syncline.__version__":
            continue
        if target == FACADE:
            if RANK[found.package] < RANK["cli"]:
                wrong.append(found)
        elif RANK[target] >= RANK[found.package]:
            wrong.append(found)
    report("imports that point upward or sideways:", wrong)


def test_other_packages_are_imported_absolutely() -> None:
    wrong: list[Import] = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                file = path.relative_to(SOURCE).as_posix()
                wrong.append(Import(file, node.lineno, "." * node.level + (node.module or ""), None))
    report("relative imports that leave their package:", wrong)


def test_nothing_is_imported_inside_a_function_below_the_command_line() -> None:
    wrong = [
        found
        for found in all_imports()
        if found.inside
        and RANK.get(found.package, 0) < RANK["cli"]
        and found.target.split(".")[0] not in OPTIONAL
    ]
    report("imports inside functions:", wrong)


def test_event_loops_and_sockets_are_the_business_of_http_and_above() -> None:
    wrong = [
        found
        for found in all_imports()
        if RANK.get(found.package, 99) < RANK["http"]
        and found.target.split(".")[0] in LOOPS_AND_SOCKETS
        and not found.target.startswith("urllib.parse")  # it reads texts and opens nothing
        and found.file not in LOOPS_ALLOWED
    ]
    report("event loops and sockets below http:", wrong)


def dotted(node: ast.expr) -> str:
    """`datetime.now` for the expression `datetime.now`; empty for anything but names and attributes."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def test_only_the_kernels_clock_asks_the_machine_for_time_or_chance() -> None:
    wrong: list[str] = []
    for path in modules():
        file = path.relative_to(SOURCE).as_posix()
        if RANK.get(file.split("/")[0], 99) >= RANK["http"] or file in CHANCE_AND_TIME_ALLOWED:
            continue
        for found in imports_of(path):
            if found.target in CHANCE_AND_TIME or found.target.split(".")[0] in CHANCE_AND_TIME:
                wrong.append(str(found))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and dotted(node.func) in CHANCE_AND_TIME:
                wrong.append(f"src/syncline/{file}:{node.lineno}: {dotted(node.func)}()")
    assert not wrong, "\n".join(["time or chance from the machine:", *wrong])


def test_allowances_name_files_that_exist() -> None:
    for file in LOOPS_ALLOWED | CHANCE_AND_TIME_ALLOWED:
        assert (SOURCE / file).is_file(), file


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_modules_are_short(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 400, f"{path} has {lines} lines: look for the second noun in it"
