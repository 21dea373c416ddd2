"""Field names and constants in `where`, `index`, `order`, `patch`, `replace`, constructors and attributes.

No false alarms: whatever is not certain is left to the run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from syncline.functions import Release
from syncline.kernel.errors import SynclineError
from syncline.schema import Aggregate, Document, Index, TableCodec, TableNumbers, TableSpec, table_of
from syncline.schema.definition import MISSING
from syncline.schema.mismatch import did_you_mean
from syncline.system import SYSTEM_TABLES

from .findings import Finding, Severity
from .inference import Inference
from .kinds import Doc, Object, Rows
from .sources import Place, SourceFile
from .walk import Walk, deep_trees

_CREATED: Final = "created_at"
_AGGREGATES: Final = frozenset({"count", "sum", "avg", "min", "max", "groups"})
_OWN: Final = frozenset({"id", "created_at", "_id", "_creationTime"})


def check_fields(release: Release, sources: Iterable[SourceFile]) -> list[Finding]:
    """What is certainly wrong with the names of fields in a release."""
    tables = (*SYSTEM_TABLES, *release.schema)
    numbers = TableNumbers({spec.name: number for number, spec in enumerate(tables, 10_001)})
    codecs: Mapping[type[Document], TableCodec] = {spec.cls: TableCodec(spec, numbers) for spec in tables}
    inference = Inference(tables)
    found: list[Finding] = []
    for source in sources:
        walk = _Fields(source, release, inference, codecs)
        with deep_trees():
            walk.visit(source.tree)
        found += walk.found
    return found


class _Fields(Walk):
    def __init__(
        self,
        source: SourceFile,
        release: Release,
        inference: Inference,
        codecs: Mapping[type[Document], TableCodec],
    ) -> None:
        super().__init__(source, release.modules.modules, inference)
        self._codecs = codecs
        self.found: list[Finding] = []

    def visit_Call(self, node: ast.Call) -> None:
        cls = self.inference.document_class(node.func, self.scope)
        if cls is not None:
            self._constructor(cls, node)
        elif isinstance(node.func, ast.Attribute):
            self._method(node.func, node)
        super().visit_Call(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = self.inference.kind(node.value, self.scope)
        if isinstance(base, Doc) and not hasattr(base.cls, node.attr):
            names = [*table_of(base.cls).by_name, "id", _CREATED]
            self._say(
                "attribute",
                f"{base.cls.__name__} has no attribute `{node.attr}`{did_you_mean(node.attr, names)}",
                self.source.place_of_attribute(node),
                f"its fields: {', '.join(table_of(base.cls).by_name)}",
            )
        if isinstance(base, Object) and isinstance(base.value, type) and base.value in self._codecs:
            self._class_attribute(base.value, node)
        self.generic_visit(node)

    # What is called

    def _constructor(self, cls: type[Document], node: ast.Call) -> None:
        spec = table_of(cls)
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                self._say(
                    "positional",
                    f"{cls.__name__} takes its fields by name",
                    self.source.place_of(argument),
                    f"write {cls.__name__}({next(iter(spec.by_name), 'field')}=...)",
                )
        self._names(spec, node, f"{cls.__name__}(...)", settable=True)
        self._constants(spec, node)
        if not any(keyword.arg is None for keyword in node.keywords) and not node.args:
            given = {keyword.arg for keyword in node.keywords}
            missing = [
                field.name for field in spec.fields if field.default is MISSING and field.name not in given
            ]
            if missing:
                names = ", ".join(f"`{name}`" for name in missing)
                verb = "is" if len(missing) == 1 else "are"
                self._say(
                    "missing-field",
                    f"{cls.__name__}(...): {names} {verb} missing",
                    self.source.place_of(node.func),
                    "fields without a default must be given",
                )

    def _method(self, func: ast.Attribute, node: ast.Call) -> None:
        name = func.attr
        if name in _AGGREGATES and node.args and self.inference.is_database(func.value):
            self._aggregate(node)
            return
        if name in ("patch", "replace") and node.args and self.inference.is_database(func.value):
            cls = self.inference.target_class(node.args[0], self.scope)
            if cls is not None and name == "patch":
                self._names(table_of(cls), node, f"patch of {table_of(cls).name}", settable=True)
                self._constants(table_of(cls), node)
            elif cls is not None and len(node.args) == 2:
                self._replacement(cls, node.args[1])
            return
        if name not in ("where", "index", "order", "search", "nearest"):
            return
        rows = self.inference.kind(func.value, self.scope)
        if not isinstance(rows, Rows):
            return
        spec = table_of(rows.cls)
        match name:
            case "where":
                self._names(spec, node, f"where on {spec.name}", settable=False)
                self._comparisons(rows.cls, node)
            case "index":
                self._names(spec, node, f"index on {spec.name}", settable=False)
                self._comparisons(rows.cls, node)
                self._index(rows.cls, node)
            case "order":
                self._order(spec, node)
            case _:
                self._search(spec, node)

    # Names

    def _names(self, spec: TableSpec, node: ast.Call, where: str, *, settable: bool) -> None:
        known = [*spec.by_name] if settable else [*spec.by_name, _CREATED]
        for keyword in node.keywords:
            name = keyword.arg
            if name is None or name in known:
                continue
            if settable and name in _OWN:
                what, fix = f"{where}: `{name}` is set by the database and cannot be given", "leave it out"
            else:
                what = f"{where}: {spec.name} has no field `{name}`{did_you_mean(name, known)}"
                fix = f"its fields: {', '.join(known)}"
            self._say("field-name", what, self.source.place_of_name(keyword), fix)

    def _class_attribute(self, cls: object, node: ast.Attribute) -> None:
        assert isinstance(cls, type) and issubclass(cls, Document)
        if not hasattr(cls, node.attr):
            spec = table_of(cls)
            indexes = [each.name for each in spec.indexes]
            indexes += [each.name for each in spec.searches] + [each.name for each in spec.vectors]
            self._say(
                "index-name",
                f"{cls.__name__} has no index `{node.attr}`{did_you_mean(node.attr, [*indexes, *spec.by_name])}",
                self.source.place_of_attribute(node),
                f"its indexes: {', '.join(indexes) or 'none'}",
            )

    def _index(self, cls: type[Document], node: ast.Call) -> None:
        if not node.args:
            return
        found = self.inference.kind(node.args[0], self.scope)
        if not isinstance(found, Object) or not isinstance(found.value, Index):
            return
        index, spec = found.value, table_of(cls)
        if index not in spec.indexes:
            self._say(
                "index-name",
                f"{index.owner}.{index.name} is not an index of {spec.name}",
                self.source.place_of(node.args[0]),
                f"its indexes: {', '.join(each.name for each in spec.indexes) or 'none'}",
            )
            return
        given = {keyword.arg for keyword in node.keywords}
        if None in given:
            return
        used = 0
        while used < len(index.fields) and index.fields[used] in given:
            used += 1
        allowed = {*index.fields[:used], *([_CREATED] if used == len(index.fields) else [])}
        for keyword in node.keywords:
            if keyword.arg in spec.by_name and keyword.arg not in allowed:
                self._say(
                    "index-use",
                    f"{spec.name}.{index.name} ({', '.join(index.fields)}) cannot use `{keyword.arg}` here",
                    self.source.place_of_name(keyword),
                    "an index is used by equality on its first fields, then at most one range on the next: "
                    "use .where(...) for the rest",
                )

    def _aggregate(self, node: ast.Call) -> None:
        found = self.inference.kind(node.args[0], self.scope)
        if not isinstance(found, Object) or not isinstance(found.value, Aggregate):
            return
        known = found.value.fields
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg not in known:
                self._say(
                    "field-name",
                    f"`{keyword.arg}` is no part of this aggregate{did_you_mean(keyword.arg, known)}",
                    self.source.place_of_name(keyword),
                    f"its fields: {', '.join(known) or 'none'}",
                )

    def _order(self, spec: TableSpec, node: ast.Call) -> None:
        match node.args:
            case [ast.Constant(value=value)] if value not in ("asc", "desc"):
                self._say(
                    "order",
                    f'.order takes "asc" or "desc", got {value!r}',
                    self.source.place_of(node.args[0]),
                    "to order by a field, give it a range or name an index that begins with it: .index(...)",
                )
            case _:
                pass

    def _search(self, spec: TableSpec, node: ast.Call) -> None:
        found = self.inference.kind(node.args[0], self.scope) if node.args else None
        filters = getattr(found.value, "filters", None) if isinstance(found, Object) else None
        if not isinstance(filters, tuple):
            return
        known = [str(name) for name in filters]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any index that has filters
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg not in [*known, "limit"]:
                self._say(
                    "field-name",
                    f"`{keyword.arg}` is not a filter of this index{did_you_mean(keyword.arg, known)}",
                    self.source.place_of_name(keyword),
                    f"its filters: {', '.join(known) or 'none'}",
                )

    def _replacement(self, cls: type[Document], node: ast.expr) -> None:
        found = self.inference.kind(node, self.scope)
        if isinstance(found, Doc) and found.cls is not cls:
            self._say(
                "replace",
                f"replace: this is a document of {cls.__name__}, and would become a {found.cls.__name__}",
                self.source.place_of(node),
                f"give it a {cls.__name__}(...)",
            )

    # Values

    def _constants(self, spec: TableSpec, node: ast.Call) -> None:
        """Constants that do not fit the fields that they are stored in."""
        for keyword, value in _constant_arguments(node):
            field = spec.by_name.get(str(keyword.arg))
            if field is None:
                continue
            try:
                self._codecs[spec.cls].patched({}, {field.name: value})
            except SynclineError as error:
                self._say(
                    "value",
                    str(error),
                    self.source.place_of(keyword.value),
                    f"{field.name} is a {field.node.describe()}",
                )

    def _comparisons(self, cls: type[Document], node: ast.Call) -> None:
        """Constants, alone or in bounds, that a field can never be compared with."""
        codec, spec = self._codecs[cls], table_of(cls)
        for keyword, value in _constant_arguments(node):
            self._comparison(codec, spec, keyword, value, keyword.value)
        for keyword in node.keywords:
            call = keyword.value
            if isinstance(call, ast.Call) and self.inference.condition_kind(call, self.scope) == "range":
                for argument in call.args:
                    constant = _constant(argument)
                    if constant is not None:
                        self._comparison(codec, spec, keyword, constant[0], argument)

    def _comparison(
        self, codec: TableCodec, spec: TableSpec, keyword: ast.keyword, value: Any, node: ast.expr
    ) -> None:
        if keyword.arg not in spec.by_name:
            return
        try:
            codec.key_part(keyword.arg, value)
        except SynclineError as error:
            field = spec.by_name[keyword.arg]
            self._say(
                "value", str(error), self.source.place_of(node), f"{field.name} is a {field.node.describe()}"
            )

    def _say(self, rule: str, what: str, place: Place, fix: str) -> None:
        self.found.append(Finding(rule, Severity.ERROR, what, "", fix, place))


def _constant_arguments(node: ast.Call) -> Iterator[tuple[ast.keyword, Any]]:
    for keyword in node.keywords:
        constant = _constant(keyword.value) if keyword.arg is not None else None
        if constant is not None:
            yield keyword, constant[0]


def _constant(node: ast.expr) -> tuple[Any] | None:
    """The value of a literal (in a tuple, since None is one)."""
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
