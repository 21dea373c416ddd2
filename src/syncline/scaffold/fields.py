"""Fields as they are written on a command line: `text:str`, `likes:int=0`, `due:date?`, `author:users`."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncline.kernel.errors import SetupError
from syncline.schema.naming import RESERVED_FIELDS, RESERVED_INDEXES, problem_with_name

from .types import TYPE_NAMES, FieldType, Optional, Text, parse_type

#: Fields that every document has anyway, as people write them; and what they are called here.
BUILT_IN = {
    "id": "id",
    "_id": "id",
    "created_at": "created_at",
    "_creationTime": "created_at",
    "_creation_time": "created_at",
}
_PARAMETERS = frozenset({"ctx", "self", "changes", "limit"})


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: FieldType
    #: Source of the default; None: the field is required.
    default: str | None = None

    @property
    def declaration(self) -> str:
        """`likes: int = 0`, as in a class or a list of parameters."""
        return f"{self.name}: {self.type.hint}" + (f" = {self.default}" if self.default is not None else "")


@dataclass(frozen=True, slots=True)
class Fields:
    """What a new table's documents hold. `built_in` are fields that were asked for and exist anyway."""

    fields: tuple[Field, ...]
    #: The field that holds the owner's subject; None: rows belong to nobody.
    owner: str | None
    owner_added: bool
    built_in: tuple[str, ...]

    @property
    def editable(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.name != self.owner)


def read_fields(texts: Sequence[str], owner: str | None, tables: Mapping[str, str]) -> Fields:
    """Parse the fields of a command line. `tables`: class names by table. Raises SetupError for the first wrong one."""
    fields: list[Field] = []
    built_in: list[str] = []
    for text in texts:
        name = text.partition(":")[0].strip()
        if name in BUILT_IN:
            built_in.append(BUILT_IN[name])
            continue
        field = _read(text, tables)
        if any(field.name == other.name for other in fields):
            raise SetupError(f"the field `{field.name}` is there twice", "leave one out, or rename it")
        fields.append(field)
    added = owner is not None and all(field.name != owner for field in fields)
    if owner is not None:
        _check_owner(owner, fields)
        if added:
            fields.append(Field(owner, Text()))
    if not fields:
        raise SetupError("there is no field", "name at least one: syncline add notes text:str")
    return Fields(tuple(fields), owner, added, tuple(dict.fromkeys(built_in)))


def in_call_order(fields: Iterable[Field]) -> list[Field]:
    """Parameters without a default come first: Python wants it so."""
    return sorted(fields, key=lambda field: field.default is not None)


def _read(text: str, tables: Mapping[str, str]) -> Field:
    name, colon, rest = (part.strip() for part in text.partition(":"))
    _check_name(name)
    if not colon or not rest:
        raise SetupError(
            f"the field `{name}` has no type", f"write {name}:str, or another type; see syncline add --help"
        )
    type_text, equals, default_text = rest.partition("=")
    kind = parse_type(type_text, name, tables)
    default = "None" if isinstance(kind, Optional) else None
    if equals:
        default = kind.default(default_text)
        if default is None:
            raise SetupError(
                f"{name}: `{default_text}` is no default for {kind.hint} that can be written here",
                f"leave `={default_text}` out, and write the default into the class afterwards",
            )
    return Field(name, kind, default)


def _check_name(name: str) -> None:
    problem, better = "", f"{name.strip('_')}_" if name.strip("_") else "text"
    if problem := problem_with_name(name):
        better = re.sub(r"\W+", "_", name).strip("_").lstrip("0123456789") or "text"
    elif name in RESERVED_FIELDS or name in RESERVED_INDEXES:
        problem = "Syncline keeps this name for itself"
    elif keyword.iskeyword(name):
        problem = "it is a word of Python"
    elif name in _PARAMETERS:
        problem = "the functions have a parameter of this name"
    elif name in TYPE_NAMES:
        problem, better = "it is the name of a type, which the class could then not use", f"{name}_value"
    if problem:
        raise SetupError(f"`{name}` cannot name a field: {problem}", f"try `{better}`")


def _check_owner(owner: str, fields: Sequence[Field]) -> None:
    _check_name(owner)
    for field in fields:
        if field.name == owner and (field.type.hint != "str" or field.default is not None):
            raise SetupError(
                f"the owner's field `{owner}` holds the subject of who is signed in, and must be {owner}:str",
                f"write {owner}:str, name another field with --owner, or give --no-owner",
            )
