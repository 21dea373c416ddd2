"""`syncline add`: what changes in an application that gets a new table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncline.functions import FunctionDefinition, Kind, Release
from syncline.kernel.errors import SetupError
from syncline.schema.scalars import IdNode

from .fields import Fields, read_fields
from .source import appended, names_in, with_imports
from .table import Table, class_imports, class_source, module_source
from .table_names import TableNames, names_for
from .table_tests import Maker, missing_makers, tests_source
from .types import FieldType, parse_type


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it shall be. `before` is what it holds now; None: it does not exist."""

    path: Path
    text: str
    before: str | None
    #: What changes, for people.
    summary: str

    def apply(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding="utf-8")

    def undo(self) -> None:
        if self.before is None:
            self.path.unlink(missing_ok=True)
        else:
            self.path.write_text(self.before, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class NewTable:
    """The changes that make a table, and what to know about them."""

    table: Table
    module: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def plan_table(
    release: Release, table: str, fields: Sequence[str], *, owner: str | None, module: str | None
) -> NewTable:
    """What to write for a new table of this application. Writes nothing.

    Raises SetupError when the table exists, when a file is in the way, or when a name or field is wrong.
    """
    names = names_for(table)
    classes = {spec.name: spec.cls.__name__ for spec in release.schema}
    _check_new(release, names.table, names.class_name)
    read = read_fields(fields, owner, {**classes, names.table: names.class_name})
    made = Table(names, read)
    module = module or names.table
    backend = release.folder
    functions, tests = backend / f"{module}.py", backend.parent / "tests" / f"test_{module}.py"
    _check_absent(functions, module)
    _check_absent(tests, module)
    makers = _makers(release, classes, made)
    changes = [*_source_changes(release, made, functions)]
    if not missing_makers(made, makers):
        class_module = "schema" if changes[0].path.name == "schema.py" else module
        text = tests_source(made, backend.name, module, class_module, makers)
        changes.append(Change(tests, text, None, f"{text.count('def test_')} tests"))
    return NewTable(made, module, tuple(changes), tuple(_notes(read, missing_makers(made, makers))))


def _check_new(release: Release, table: str, class_name: str) -> None:
    for spec in release.schema:
        if table == spec.name or class_name == spec.cls.__name__:
            raise SetupError(
                f"the table `{spec.name}` exists already: it is the class {spec.cls.__name__} in {_file_of(spec.cls)}",
                "add the fields to that class by hand, or choose another name",
            )


def _check_absent(path: Path, module: str) -> None:
    if path.exists():
        raise SetupError(
            f"{path.parent.name}/{path.name} exists already",
            f"put the functions into another module: --module {module}_table",
        )


def _file_of(cls: type[object]) -> str:
    return cls.__module__.replace(".", "/") + ".py"


def _source_changes(release: Release, table: Table, functions: Path) -> Iterable[Change]:
    """The class goes into schema.py. Applications whose classes stand beside their functions get it there, too."""
    schema = release.folder / "schema.py"
    others = {spec.name: spec.cls for spec in release.schema}
    referenced = {others[name] for name in _referenced(table) if name in others}
    here = f"{release.folder.name}.schema"
    local = [(_relative(cls), cls.__name__) for cls in referenced]
    in_schema = schema.exists() or not release.schema
    if not in_schema or any(cls.__module__ != here for cls in referenced):
        text = module_source(table, local=local, with_class=True)
        yield Change(functions, text, None, f"class {table.names.class_name}, {', '.join(table.functions)}")
        return
    before = schema.read_text(encoding="utf-8") if schema.exists() else None
    start = before if before is not None else '"""What the database holds."""\n'
    if table.names.class_name in names_in(start, "schema.py"):
        raise SetupError(
            f"{release.folder.name}/schema.py has a {table.names.class_name} already", "choose another name"
        )
    text = appended(with_imports(start, class_imports(table), "schema.py"), class_source(table))
    yield Change(schema, text, before, f"class {table.names.class_name}")
    local.append((".schema", table.names.class_name))
    yield Change(
        functions, module_source(table, local=local, with_class=False), None, ", ".join(table.functions)
    )


def _relative(cls: type[object]) -> str:
    return "." + cls.__module__.partition(".")[2]


def _referenced(table: Table) -> frozenset[str]:
    """The tables that its hints name, in lists and optional ones too."""
    found: set[str] = set()
    for field in table.fields.fields:
        node: object = field.type
        while node is not None:
            found |= {getattr(node, "table", "")}
            node = getattr(node, "inner", None)
    return frozenset(found - {"", table.names.table})


def _makers(release: Release, classes: Mapping[str, str], table: Table) -> dict[str, Maker]:
    """A mutation for each table that it needs ids of: one that returns such an id, and whose arguments can be made up."""
    found: dict[str, Maker] = {}
    for name in sorted({name for field in table.fields.fields for name in field.type.tables}):
        _find_maker(release, classes, name, found, frozenset({table.names.table}))
    return found


def _find_maker(
    release: Release, classes: Mapping[str, str], table: str, found: dict[str, Maker], above: frozenset[str]
) -> bool:
    """Put a maker of `table`, and those that it needs itself, into `found`. `above` are those that wait for it."""
    if table in found or table in above:
        return table in found
    for definition in release.registry.definitions.values():
        result = definition.result.node
        if definition.kind is Kind.MUTATION and isinstance(result, IdNode) and result.table == table:
            types = _required_types(definition, classes)
            module = definition.module.partition(".")[2]
            if types is None or not module or "." in module:
                continue
            needs = frozenset(name for kind in types.values() for name in kind.tables)
            if all(_find_maker(release, classes, name, found, above | {table}) for name in needs):
                calls = {name: maker.call("user") for name, maker in found.items()}
                values = tuple((name, kind.sample(0, calls)) for name, kind in types.items())
                [home] = {
                    spec.cls.__module__.partition(".")[2] for spec in release.schema if spec.name == table
                }
                names = TableNames(table, classes[table], names_for(table).one)
                found[table] = Maker(table, names, home, module, definition.fn.__name__, values, needs)
                return True
    return False


def _required_types(
    definition: FunctionDefinition, classes: Mapping[str, str]
) -> dict[str, FieldType] | None:
    """The types of the arguments that have no default; None if one has a type that values cannot be made up for."""
    types: dict[str, FieldType] = {}
    for parameter in definition.arguments.parameters:
        if parameter.required:
            described = re.sub(
                r"Literal\[(.*)\]", lambda found: found[1].replace('"', ""), parameter.node.describe()
            )
            try:
                types[parameter.attribute] = parse_type(described, parameter.attribute, classes)
            except SetupError:
                return None
    return types


def _notes(fields: Fields, missing: frozenset[str]) -> Iterable[str]:
    for name in fields.built_in:
        yield f"`{name}` is built in: every document has it"
    if fields.owner_added:
        yield f"`{fields.owner}` was added: it holds who made the row (--owner names another field, --no-owner leaves it out)"
    for name in sorted(missing):
        yield f"no tests: they would need a mutation that makes one of the {name} and returns its id"
