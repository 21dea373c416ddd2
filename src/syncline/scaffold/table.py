"""The source of a new table: its document class, and the functions that list, create, update and delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .fields import Field, Fields, in_call_order
from .source import LINE, import_lines
from .table_names import TableNames
from .types import OneOf

Import = tuple[str, str]

_WIRE: Mapping[str, object] = {"str": "hello", "int": 1, "float": 0.5, "bool": True}
"""Samples of types that are the same in JSON."""


@dataclass(frozen=True, slots=True)
class Table:
    names: TableNames
    fields: Fields

    @property
    def functions(self) -> tuple[str, ...]:
        """Their names on the wire."""
        return (
            ("list", "create", "update", "delete") if self.fields.editable else ("list", "create", "delete")
        )


def example_arguments(table: Table) -> dict[str, object] | None:
    """Arguments of `create`, in JSON; None if one of them cannot be made up here."""
    values: dict[str, object] = {}
    for field in table.fields.editable:
        if field.default is None:
            if isinstance(field.type, OneOf):
                values[field.name] = field.type.words[0]
            elif field.type.hint in _WIRE:
                values[field.name] = _WIRE[field.type.hint]
            else:
                return None
    return values


def class_imports(table: Table) -> frozenset[Import]:
    imports = {
        ("syncline", "Document"),
        *(pair for field in table.fields.fields for pair in field.type.imports),
    }
    if table.fields.owner is not None:
        imports |= {("syncline", "Index"), ("syncline", "owned_by")}
    return frozenset(imports)


def class_source(table: Table) -> str:
    """The document class."""
    names, owner = table.names, table.fields.owner
    lines = [f"class {names.class_name}({names.base}):"]
    lines += [f"    {_quoting(field, names)}" for field in table.fields.fields]
    if owner is not None:
        lines += ["", f'    {index_name(owner)} = Index("{owner}")', f'    access = owned_by("{owner}")']
    return "\n".join(lines)


def index_name(owner: str) -> str:
    return f"by_{owner.removesuffix('_id')}"


def functions_imports(table: Table) -> frozenset[Import]:
    imports = {("syncline", name) for name in ("Id", "MutationCtx", "QueryCtx", "mutation", "query")}
    imports |= {pair for field in table.fields.editable for pair in field.type.imports}
    if table.fields.editable:
        imports.add(("typing", "TypedDict"))
    return frozenset(imports)


def module_source(table: Table, *, local: Sequence[Import], with_class: bool) -> str:
    """A module with the functions, and with the class if it has no other place. `local`: imports of other modules."""
    imports = set(functions_imports(table))
    if with_class:
        imports |= class_imports(table)
    parts = [import_lines(imports, local)]
    parts += [class_source(table)] if with_class else []
    parts += [_changes(table)] if table.fields.editable else []
    parts += [_list(table), _create(table)]
    parts += [_update(table)] if table.fields.editable else []
    parts += [_delete(table)]
    title = f'"""{_title(table.names.table)}: listing, creating, changing and deleting them."""'
    return f"{title}\n\n" + "\n\n\n".join(parts) + "\n"


def _title(table: str) -> str:
    return table.replace("_", " ").capitalize()


def changes_name(names: TableNames) -> str:
    return f"{names.class_name}Changes"


def _changes(table: Table) -> str:
    fields = [f"    {Field(field.name, field.type).declaration}" for field in table.fields.editable]
    return "\n".join(
        [
            f"class {changes_name(table.names)}(TypedDict, total=False):",
            '    """What an update may change. Fields that are left out stay as they are."""',
            "",
            *fields,
        ]
    )


def _list(table: Table) -> str:
    names = table.names
    whose = f"The caller's {_words(names.table)}" if table.fields.owner else f"All {_words(names.table)}"
    head = _signature(f"list_{names.table}", "QueryCtx", ["limit: int = 100"], f"list[{names.class_name}]")
    return "\n".join(
        [
            '@query(name="list")',
            head,
            f'    """{whose}, the newest first."""',
            f'    return ctx.db.query({names.class_name}).order("desc").take(limit)',
        ]
    )


def _create(table: Table) -> str:
    names, fields = table.names, table.fields
    parameters = [field.declaration for field in in_call_order(fields.editable)]
    values = [f"{field.name}={field.name}" for field in fields.editable]
    lines = ["@mutation", _signature("create", "MutationCtx", parameters, f"Id[{names.class_name}]")]
    if fields.owner is None:
        lines.append(f'    """Stores {a_document(names)}."""')
    else:
        lines.append(f'    """Stores {a_document(names)} of the caller\'s."""')
        values.append(f"{fields.owner}=ctx.auth.require().subject")
    lines += _returned(f"return ctx.db.insert({names.class_name}(", values, "))")
    return "\n".join(lines)


def _update(table: Table) -> str:
    names = table.names
    parameters = [f"{names.one}: Id[{names.class_name}]", f"changes: {changes_name(names)}"]
    return "\n".join(
        [
            "@mutation",
            _signature("update", "MutationCtx", parameters, "None"),
            f'    """Changes some fields of {a_document(names)}."""',
            f"    ctx.db.patch({names.one}, **changes)",
        ]
    )


def _delete(table: Table) -> str:
    names = table.names
    return "\n".join(
        [
            "@mutation",
            _signature("delete", "MutationCtx", [f"{names.one}: Id[{names.class_name}]"], "None"),
            f'    """Deletes {a_document(names)}."""',
            f"    ctx.db.delete({names.one})",
        ]
    )


def _signature(name: str, context: str, parameters: Sequence[str], result: str) -> str:
    line = f"def {name}({', '.join([f'ctx: {context}', *parameters])}) -> {result}:"
    if len(line) <= LINE:
        return line
    # A comma after the last parameter keeps the form, however long lines may be.
    return "\n".join(
        [f"def {name}(", *(f"    {text}," for text in [f"ctx: {context}", *parameters]), f") -> {result}:"]
    )


def _returned(opening: str, values: Sequence[str], closing: str) -> list[str]:
    line = f"    {opening}{', '.join(values)}{closing}"
    if len(line) <= LINE:
        return [line]
    outer, _, inner = opening.rpartition("(")[0].rpartition("(")
    return [
        f"    {outer}(",
        f"        {inner}(",
        *(f"            {value}," for value in values),
        "        )",
        "    )",
    ]


def _quoting(field: Field, names: TableNames) -> str:
    """The declaration; a class that names itself does so in quotes, as it does not exist yet."""
    if f"Id[{names.class_name}]" not in field.type.hint:
        return field.declaration
    return field.declaration.replace(field.type.hint, f'"{field.type.hint}"', 1)


def a_document(names: TableNames) -> str:
    """`a message`, `an entry`."""
    words = _words(names.one)
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _words(name: str) -> str:
    return name.strip("_").replace("_", " ")
