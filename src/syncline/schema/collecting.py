"""The tables of an application: its document classes, found, understood and checked against each other."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import cast

from syncline.kernel.errors import SetupError

from .access_checks import check_access
from .document import Document, DocumentMeta
from .tables import TableSpec, table_of


def collect(modules: Iterable[ModuleType], system: Iterable[TableSpec] = ()) -> tuple[TableSpec, ...]:
    """The tables of all document classes found in `modules`, by name, each read and checked.

    Syncline's own, which modules import to name them, are not the application's; rules may name memberships of `system`.
    Raises SetupError for a type that cannot be stored, and for a table or an id that two classes claim.
    """
    classes: dict[type[Document], None] = {}
    for module in modules:
        for value in list(vars(module).values()):
            if isinstance(value, DocumentMeta) and value is not Document:
                classes[cast("type[Document]", value)] = None
    specs: dict[str, TableSpec] = {}
    for cls in classes:
        spec = table_of(cls)
        if spec.name.startswith("_"):
            continue
        other = specs.setdefault(spec.name, spec)
        if other is not spec:
            raise SetupError(
                f"two documents have the table {spec.name!r}: {_place(other.cls)} and {_place(cls)}",
                'give one of them another name: class ...(Document, table="...")',
            )
    for spec in specs.values():
        _ = spec.fields
    check_access(specs.values(), system)
    return tuple(sorted(specs.values(), key=lambda spec: spec.name))


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
