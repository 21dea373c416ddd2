"""What a document class says, taken from its body and checked while the class is made."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, ClassVar, Final, cast, get_origin

from syncline.kernel.errors import SetupError

from .access import Access
from .index import Index
from .mismatch import did_you_mean, show
from .naming import RESERVED_FIELDS, RESERVED_INDEXES, problem_with_name, table_name_of
from .search_index import DerivedIndex, take_derived

if sys.version_info >= (3, 14):
    import annotationlib

#: Where the tables are declared whose names begin with _.
_SYSTEM_MODULES: Final = "syncline.system."
_SYSTEM_FIELDS: Final = frozenset({"id", "created_at", "_id", "_creationTime"})


class Missing(Enum):
    """No default."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class Definition:
    """A document class as written, before its hints are understood (they may name classes further down)."""

    table: str
    annotations: Mapping[str, object]
    defaults: Mapping[str, object]
    indexes: tuple[Index, ...]
    #: Who may see and change the rows; None: everybody.
    access: Access | None = None
    derived: tuple[DerivedIndex, ...] = ()
    #: When documents are to go: so long after they were inserted, or at the time in a field; None: never.
    ttl: timedelta | str | None = None


def take_definition(
    name: str, namespace: dict[str, Any], table: str | None, taken: Iterable[str]
) -> Definition:
    """The definition in the body of the class `name`, with the defaults taken out of it: fields become slots.

    `taken` are the attributes that documents have anyway. Raises SetupError.
    """
    annotations = _annotations_of(namespace)
    for field in annotations:
        _check_field(name, field, taken)
    indexes = _take_indexes(name, namespace, annotations)
    derived = take_derived(name, namespace, annotations, [index.name for index in indexes])
    defaults = {field: namespace.pop(field) for field in annotations if field in namespace}
    system = str(namespace.get("__module__")).startswith(_SYSTEM_MODULES)
    access = _take_access(name, namespace)
    return Definition(_table(name, table, system=system), annotations, defaults, indexes, access, derived)


def check_ttl(name: str, definition: Definition, ttl: object) -> timedelta | str:
    """A time to live as it is given to a class. Raises SetupError."""
    if isinstance(ttl, timedelta):
        if ttl > timedelta(0):
            return ttl
        raise SetupError(f"{name}: ttl={ttl!r} is no time to live", "for example ttl=timedelta(days=30)")
    if not isinstance(ttl, str):
        raise SetupError(
            f"{name}: ttl={show(ttl)} is no time to live",
            'write ttl=timedelta(days=30), or ttl="expires_at" for the time in a field',
        )
    if ttl not in definition.annotations:
        raise SetupError(
            f"{name}: ttl names `{ttl}`, which is no field{did_you_mean(ttl, definition.annotations)}"
        )
    if not any(index.fields[0] == ttl and not index.each for index in definition.indexes):
        raise SetupError(
            f'{name}: ttl="{ttl}" needs an index that begins with the field',
            f'add by_{ttl} = Index("{ttl}")',
        )
    return ttl


def _annotations_of(namespace: dict[str, Any]) -> dict[str, object]:
    """The annotated names of a class that is being made; strings are left unevaluated."""
    if sys.version_info >= (3, 14):
        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        found = (
            annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF)
            if annotate
            else {}
        )
    else:
        found = cast("dict[str, object]", namespace.get("__annotations__", {}))
    return {name: hint for name, hint in found.items() if not _is_class_variable(hint)}


def _is_class_variable(hint: object) -> bool:
    if isinstance(hint, str):
        return hint.split("[")[0].rpartition(".")[2] == "ClassVar"
    return hint is ClassVar or get_origin(hint) is ClassVar


def _check_field(cls: str, name: str, taken: Iterable[str]) -> None:
    if name in ("id", "created_at"):
        raise SetupError(f"{cls}.{name}: this name is reserved", "every stored document has it; rename yours")
    if name in RESERVED_FIELDS or name in taken:
        raise SetupError(f"{cls}.{name}: this name is reserved", "rename the field")
    if problem := problem_with_name(name):
        raise SetupError(f"{cls}.{name} cannot be a field: {problem}", "rename the field")


def _table(cls: str, table: str | None, *, system: bool) -> str:
    name = table_name_of(cls) if table is None else table
    if problem := problem_with_name(name, system=system):
        raise SetupError(
            f"{cls}: {show(name)} cannot name a table: {problem}", 'write class ...(Document, table="...")'
        )
    return name


def _take_indexes(cls: str, namespace: Mapping[str, Any], fields: Mapping[str, object]) -> tuple[Index, ...]:
    indexes: list[Index] = []
    for name, value in namespace.items():
        if name in RESERVED_FIELDS and name not in fields and name != "access":
            raise SetupError(f"{cls}.{name}: this name is reserved", "rename it")
        if not isinstance(value, Index):
            continue
        if name in fields:
            raise SetupError(
                f"{cls}.{name} has a type and is an index", f"write {name} = {value!r} without a type"
            )
        value.bind(cls, name)
        _check_index(cls, value, fields)
        for other in indexes:
            if value.repeats(other):
                raise SetupError(
                    f"{cls}.{name} is the same index as {cls}.{other.name}", "remove one of them"
                )
        indexes.append(value)
    return tuple(indexes)


def _take_access(cls: str, namespace: Mapping[str, Any]) -> Access | None:
    access = namespace.get("access")
    if access is None or isinstance(access, Access):
        return access
    raise SetupError(
        f"{cls}.access is {show(access)}, which says nothing about access",
        'write access = owned_by("user_id"), members(...), public_read(...), private or Rules(...)',
    )


def _check_index(cls: str, index: Index, fields: Mapping[str, object]) -> None:
    where = f"{cls}.{index.name}"
    if index.name in RESERVED_INDEXES:
        raise SetupError(f"{where}: every table has this order already", "remove the index, or rename it")
    if problem := problem_with_name(index.name):
        raise SetupError(f"{where} cannot be an index: {problem}", "rename the index")
    if not index.fields:
        raise SetupError(f"{where} has no field", 'write Index("field")')
    for field in index.fields:
        if field in _SYSTEM_FIELDS:
            raise SetupError(
                f"{where} names `{field}`", "every index ends with created_at and id anyway: leave it out"
            )
        if field not in fields:
            raise SetupError(
                f"{where}: {cls} has no field `{field}`{did_you_mean(field, fields)}",
                "an index names fields of its class",
            )
    if len(set(index.fields)) != len(index.fields):
        raise SetupError(f"{where} names a field twice", "name each field once")
