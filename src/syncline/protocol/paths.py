"""Names of functions: `dir/module:export`.

Clients write one function in several ways: `a/b.js:fn` and `a/b:fn`; `mod`, `mod:default` and `mod.js:default`.
The canonical form, used everywhere inside, has no `.js` and always an export.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from syncline.kernel.errors import quoted

from .errors import PathError

_MAX_LENGTH: Final = 64
_EXTENSION: Final = ".js"
_COMPONENT: Final = re.compile(r"[A-Za-z0-9_.]*[A-Za-z0-9][A-Za-z0-9_.]*", re.ASCII).fullmatch
_IDENTIFIER: Final = re.compile(r"(?!_+\Z)[A-Za-z_][A-Za-z0-9_]*", re.ASCII).fullmatch


@lru_cache(4096)
def parse_path(text: str) -> str:
    """The canonical form of the function path `text`. Raises PathError for what cannot be one."""
    module, colon, export = text.rpartition(":")
    if not colon:
        module, export = text, "default"
    if len(export) > _MAX_LENGTH or _IDENTIFIER(export) is None:
        raise _invalid(
            text, f"{quoted(export)} is not an identifier of at most {_MAX_LENGTH} letters, digits and _"
        )
    module = _without_extension(module, text)
    for component in module.split("/"):
        if len(component) > _MAX_LENGTH or _COMPONENT(component) is None:
            raise _invalid(
                text,
                f"{quoted(component)} is not a module name of at most {_MAX_LENGTH} letters, digits and _",
            )
    return f"{module}:{export}"


def display_path(canonical: str) -> str:
    """How messages to people name the function: without `:default`."""
    return canonical.removesuffix(":default")


def file_path(canonical: str) -> str:
    """How some messages of the protocol name the function: `dir/module.js:export`."""
    module, _, export = canonical.rpartition(":")
    return f"{module.removesuffix(_EXTENSION)}{_EXTENSION}:{export}"


def _without_extension(module: str, text: str) -> str:
    folder, slash, name = module.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        return module
    if not stem or extension != "js":
        raise _invalid(text, f"a module has the extension {_EXTENSION} or none")
    # "a.b.js" names a file that no module has. It keeps its extension: "a.b" would be no path at all.
    return module if "." in stem else f"{folder}{slash}{stem}"


def _invalid(text: str, reason: str) -> PathError:
    return PathError(
        f"{quoted(text)} is not a function path: {reason}. "
        "Write it as 'module:function' or 'folder/module:function'."
    )
