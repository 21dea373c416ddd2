"""What `pip install syncline` brings along stays small, and the declared dependencies are the imported ones."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "syncline"
DISTRIBUTIONS = 40
#: Unpacked, without bytecode; what is downloaded is about a third of it: at most 25 MB.
MEGABYTES = 78

NEWER_STANDARD_LIBRARY = {"annotationlib"}
#: Import names that are not the distribution's name.
#: Read by the standard library where the machine has no time zones of its own.
READ_BY_ZONEINFO = {"tzdata"}
IMPORTED_AS = {"apsw-sqlite3mc": "apsw", "argon2-cffi": "argon2"}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


def installed_for(requirements: list[Requirement]) -> dict[str, Distribution]:
    """The distributions that these requirements bring on this machine, by name."""
    found = dict[str, Distribution]()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        extras = [{"extra": extra} for extra in requirement.extras] or [{"extra": ""}]
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = distribution(name)
        for text in found[name].requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras):
                needed.marker = None
                waiting.append(needed)
    return found


def megabytes(installed: Distribution) -> float:
    files = [Path(str(file.locate())) for file in installed.files or ()]
    return sum(file.stat().st_size for file in files if file.exists() and file.suffix != ".pyc") / 1e6


def test_an_installation_is_small() -> None:
    found = installed_for(declared())
    sizes = {name: megabytes(installed) for name, installed in found.items()}
    assert len(found) <= DISTRIBUTIONS, sorted(found)
    assert sum(sizes.values()) <= MEGABYTES, sorted(sizes.items(), key=lambda item: -item[1])[:8]


def test_every_dependency_is_imported_and_every_import_is_declared() -> None:
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for path in SOURCE.rglob("*.py")
        if SOURCE / "templates" not in path.parents  # they are other applications
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.level == 0)
        for alias in node.names
    } - {"syncline", "", *sys.stdlib_module_names, *NEWER_STANDARD_LIBRARY}
    names = {IMPORTED_AS.get(requirement.name, requirement.name) for requirement in declared()}
    optional = {
        "PIL",
        "a2wsgi",
        "boto3",
        "botocore",
        "disposable_email_domains",
        "numpy",
        "pydantic",
        "pytest",
        "usearch",
    }  # the application's own, if it has them
    assert imported - optional == names - READ_BY_ZONEINFO
