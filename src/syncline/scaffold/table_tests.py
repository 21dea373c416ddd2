"""The tests of a new table's functions: what is promised, and to whom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .fields import Field
from .source import LINE, import_lines, statement
from .table import Table, a_document
from .table_names import TableNames

#: What samples are made of, besides literals.
_IN_SAMPLES = (
    ("datetime", "UTC"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("decimal", "Decimal"),
    ("syncline", "Int64"),
    ("uuid", "UUID"),
)


@dataclass(frozen=True, slots=True)
class Maker:
    """How a test makes a document of another table: by a mutation of the application.

    `arguments` are names and sources of values, in which makers of other tables may be called (see `call`).
    """

    table: str
    names: TableNames
    class_module: str
    module: str
    function: str
    arguments: tuple[tuple[str, str], ...]
    needs: frozenset[str]

    @property
    def name(self) -> str:
        return f"make_{self.names.one.strip('_')}"

    def call(self, user: str) -> str:
        return f"{self.name}({user})"

    def source(self) -> str:
        return function_source(
            f"def {self.name}(user: User) -> Id[{self.names.class_name}]:",
            f"{self.module}.{self.function}",
            self.arguments,
        )


def function_source(head: str, function: str, arguments: Sequence[tuple[str, str]]) -> str:
    """A function that returns `user.mutation(function, name=value, ...)`."""
    words = [function, *(f"{name}={value}" for name, value in arguments)]
    line = f"    return user.mutation({', '.join(words)})"
    if len(line) > LINE:
        inside = "".join(f"        {word},\n" for word in words)
        line = f"    return user.mutation(\n{inside}    )"
    return f"{head}\n{line}"


def tests_source(
    table: Table, backend: str, module: str, class_module: str, makers: Mapping[str, Maker]
) -> str:
    """A module of tests. `backend`: the package of `module`, which holds the functions, and of `class_module`.

    `makers`: for the tables that fields refer to.
    """
    return _Tests(table, backend, module, class_module, makers).source()


def missing_makers(table: Table, makers: Mapping[str, Maker]) -> frozenset[str]:
    """The tables whose ids a new document needs, and which no function makes a document of."""
    needed = {name for field in table.fields.fields for name in field.type.tables}
    return frozenset(needed - makers.keys())


class _Tests:
    def __init__(
        self, table: Table, backend: str, module: str, class_module: str, makers: Mapping[str, Maker]
    ) -> None:
        self._table = table
        self._names = table.names
        self._backend = backend
        self._module = module
        self._class_module = class_module
        self._makers = makers
        self._ids = {name: maker.call("user") for name, maker in makers.items()}
        self._owned = table.fields.owner is not None
        required = [field for field in table.fields.editable if field.default is None]
        #: What a test gives a new document, and the field whose value it compares.
        self._given = required or list(table.fields.editable[:1])
        comparable = [field for field in self._given if not _is_id(field)]
        self._told: Field | None = next(iter([*comparable, *self._given]), None)

    def source(self) -> str:
        parts = [maker.source() for maker in self._used_makers()]
        parts += [self._helper(), self._listed()]
        if self._told is not None:
            parts.append(self._updated())
        parts.append(self._deleted())
        if self._owned:
            parts += [self._private(), self._signed_in()]
        body = "\n\n\n".join(parts)
        whose = (
            "belong to who made them: nobody else sees or changes them"
            if self._owned
            else "can be listed and changed"
        )
        title = f'"""{self._names.table.replace("_", " ").capitalize()} {whose}."""'
        return f"{title}\n\n{self._imports(body)}\n\n\n{body}\n"

    def _imports(self, body: str) -> str:
        schema_module = f"{self._backend}.{self._class_module}"
        imports = {pair for pair in _IN_SAMPLES if re.search(rf"\b{pair[1]}\b", body)}
        imports |= {("syncline", "Id"), ("syncline.testing", "Backend"), ("syncline.testing", "User")}
        if self._owned:
            imports.add(("syncline", "UnauthenticatedError"))
        classes = {schema_module: {self._names.class_name}}
        modules = {self._module}
        for maker in self._used_makers():
            modules.add(maker.module)
            classes.setdefault(f"{self._backend}.{maker.class_module}", set()).add(maker.names.class_name)
        local = [statement(self._backend, modules)]
        local += [statement(module, names) for module, names in sorted(classes.items())]
        text = import_lines(imports)
        if self._owned:
            standard, _, rest = text.rpartition("\n\n")
            text = f"{standard}\n\nimport pytest\n{rest}" if standard else f"import pytest\n{rest}"
        return text + "\n\n" + "\n".join(local)

    def _used_makers(self) -> list[Maker]:
        """Those that new documents need, and those that these need, each behind what it calls."""
        found: list[Maker] = []

        def use(table: str) -> None:
            maker = self._makers[table]
            for name in sorted(maker.needs):
                use(name)
            if maker not in found:
                found.append(maker)

        for field in self._given:
            for table in sorted(field.type.tables):
                use(table)
        return found

    def _helper(self) -> str:
        return function_source(
            f"def create(user: User) -> Id[{self._names.class_name}]:",
            f"{self._module}.create",
            [(field.name, field.type.sample(0, self._ids)) for field in self._given],
        )

    def _test(self, name: str, lines: Sequence[str]) -> str:
        head = f"def test_{name}(backend: Backend) -> None:"
        return "\n".join([head, *(f"    {line}" for line in lines)])

    @property
    def _ada(self) -> list[str]:
        return ['ada = backend.signed_in("ada")']

    def _listing(self, user: str) -> str:
        return f"{user}.query({self._module}.list_{self._names.table})"

    def _listed(self) -> str:
        return self._test(
            "what_is_created_is_listed_the_newest_first",
            [
                *self._ada,
                "first, second = create(ada), create(ada)",
                f"listed = {self._listing('ada')}",
                "assert [document.id for document in listed] == [second, first]",
            ],
        )

    def _changed(self) -> tuple[list[str], str]:
        """Lines that make another value for the field that is told apart, and its source."""
        assert self._told is not None
        if not self._told.type.tables:
            return [], self._told.type.sample(1, self._ids)
        ids = {name: maker.call("ada") for name, maker in self._makers.items()}
        return [f"other = {self._told.type.sample(1, ids)}"], "other"

    def _change(self, call: str, document: str) -> list[str]:
        """`call` of the update, which tells `_told` apart."""
        assert self._told is not None
        changes = f'{{"{self._told.name}": {self._changed()[1]}}}'
        words = [f"{self._module}.update", f"{self._names.one}={document}", f"changes={changes}"]
        line = f"{call}({', '.join(words)})"
        return [line] if len(line) <= LINE - 4 else [f"{call}(", *(f"    {word}," for word in words), ")"]

    def _updated(self) -> str:
        assert self._told is not None
        before, value = self._changed()
        compared = f"is {value}" if value in ("True", "False", "None") else f"== {value}"
        return self._test(
            "an_update_changes_what_it_names",
            [
                *self._ada,
                *before,
                *self._change("ada.mutation", "create(ada)"),
                f"[updated] = {self._listing('ada')}",
                f"assert updated.{self._told.name} {compared}",
            ],
        )

    def _removal(self, user: str, document: str) -> str:
        return f"{user}.mutation({self._module}.delete, {self._names.one}={document})"

    def _deleted(self) -> str:
        return self._test(
            "what_is_deleted_is_gone",
            [*self._ada, self._removal("ada", "create(ada)"), f"assert {self._listing('ada')} == []"],
        )

    def _private(self) -> str:
        attempts = [f"bob.cannot({self._module}.list_{self._names.table})"]
        if self._told is not None:
            attempts += self._change("bob.cannot", "hers")
        attempts.append(f"bob.cannot({self._module}.delete, {self._names.one}=hers)")
        return self._test(
            "nobody_else_sees_or_changes_it",
            [
                'ada, bob = backend.signed_in("ada"), backend.signed_in("bob")',
                "hers = create(ada)",
                *(self._changed()[0] if self._told is not None else []),
                f"before = {self._listing('ada')}",
                *attempts,
                f"assert {self._listing('ada')} == before",
            ],
        )

    def _signed_in(self) -> str:
        return self._test(
            f"{a_document(self._names).replace(' ', '_')}_needs_somebody_to_belong_to",
            [
                f"backend.cannot({self._module}.list_{self._names.table})",
                "with pytest.raises(UnauthenticatedError):",
                "    create(backend)",
            ],
        )


def _is_id(field: Field) -> bool:
    return "Id[" in field.type.hint
