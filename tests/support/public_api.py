"""The public names of the package with their signatures, as text.

`python tests/support/public_api.py > tests/repository/public_api.txt` after a change that is meant.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator

import syncline
from syncline.database import DatabaseReader, DatabaseWriter, Query

#: Hints are texts (`from __future__ import annotations`): shown without their quotes.
HINT = re.compile(r"""(: |-> )(['"])(.*?)\2""")

#: What applications use without importing it: `ctx.db` and the queries that it makes.
REACHED = {"DatabaseReader": DatabaseReader, "DatabaseWriter": DatabaseWriter, "Query": Query}


def describe() -> str:
    """One line per name, and per member of a class."""
    named = [(name, _public(name)) for name in sorted(syncline.__all__)]
    return "".join(f"{line}\n" for name, value in [*named, *REACHED.items()] for line in _lines(name, value))


def _public(name: str) -> object:
    value: object = getattr(syncline, name)
    return value


def _lines(name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})" if bases else f"class {name}"
        for member in sorted(_members(value)):
            yield f"    {_member(value, member)}"
    elif callable(value):
        yield f"def {name}{_signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def _members(cls: type) -> set[str]:
    """Public names of the class, without those of a public base and of Python's own classes."""
    public = {value for value in map(_public, syncline.__all__) if inspect.isclass(value)}
    told = [base for base in cls.__mro__[1:] if base in public or base.__module__ == "builtins"]
    named = {name for base in cls.__mro__ if base not in told for name in _names(base)}
    return named - {name for base in told for name in _names(base)}


def _names(cls: type) -> set[str]:
    # What instances have without the class saying so is in the annotations.
    return {name for name in (*vars(cls), *vars(cls).get("__annotations__", {})) if not name.startswith("_")}


def _member(cls: type, name: str) -> str:
    value = inspect.getattr_static(cls, name, None)
    if isinstance(value, staticmethod):
        return f"staticmethod {name}{_signature(getattr(cls, name))}"
    if isinstance(value, classmethod):
        return f"classmethod {name}{_signature(getattr(cls, name))}"
    if inspect.isfunction(value):
        return f"def {name}{_signature(value)}"
    return name


def _signature(value: Callable[..., object]) -> str:
    try:
        return HINT.sub(r"\1\3", str(inspect.signature(value)))
    except ValueError:
        return "(...)"


if __name__ == "__main__":
    print(describe(), end="")
