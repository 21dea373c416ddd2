"""How an application's functions use its tables, taken from the source: queries, indexes, identity, calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Final, cast

from syncline.functions import Function, FunctionDefinition, Release
from syncline.schema import Document, Index
from syncline.schema.document import DocumentMeta

from .inference import Inference
from .kinds import Object, Rows
from .scopes import Comprehension
from .sources import Place, SourceFile
from .walk import Walk, deep_trees

#: What ends a query and returns what was found.
_ENDS: Final = frozenset({"first", "unique", "exists", "take", "all", "count", "paginate", "scored"})


@dataclass(frozen=True, slots=True)
class QueryUse:
    """One query, where it ends. `function` is the path of the function it stands in, if that is one of the wire's."""

    rows: Rows
    end: str
    place: Place
    function: str | None


@dataclass(slots=True)
class FunctionUse:
    """A Python function of the application: what it names and calls."""

    tables: set[type[Document]] = field(default_factory=set[type[Document]])
    calls: set[int] = field(default_factory=set[int])  # ids of function objects
    looks_at_identity: bool = False


@dataclass(slots=True)
class Usage:
    queries: list[QueryUse] = field(default_factory=list[QueryUse])
    #: Indexes that the code names, in `.index(...)` above all.
    named: set[Index] = field(default_factory=set[Index])
    #: Where `unrestricted` is used, and in which function of the wire.
    unrestricted: list[tuple[Place, str | None]] = field(default_factory=list[tuple[Place, str | None]])
    #: Where something is scheduled, in which function of the wire, and what.
    scheduled: list[tuple[Place, str | None, FunctionDefinition | None]] = field(
        default_factory=list[tuple[Place, str | None, FunctionDefinition | None]]
    )
    #: Where the `def` of each wire function is.
    places: dict[str, Place] = field(default_factory=dict[str, Place])
    #: By id of the Python function.
    functions: dict[int, FunctionUse] = field(default_factory=dict[int, FunctionUse])
    #: Where each index is declared.
    index_places: dict[Index, Place] = field(default_factory=dict[Index, Place])
    table_places: dict[type[Document], Place] = field(default_factory=dict[type[Document], Place])

    def reached(self, definition: FunctionDefinition) -> list[FunctionUse]:
        """A function, and all of the application's that it calls, directly or not."""
        seen: dict[int, FunctionUse] = {}
        waiting = [id(definition.fn)]
        while waiting:
            number = waiting.pop()
            use = self.functions.get(number)
            if use is not None and number not in seen:
                seen[number] = use
                waiting += use.calls
        return list(seen.values())


def usage_of(release: Release, sources: Iterable[SourceFile]) -> Usage:
    """What the source of a release says."""
    usage = Usage()
    inference = Inference(release.schema)
    by_line = {(definition.file, definition.line): definition for definition in release.registry}
    for source in sources:
        with deep_trees():
            _Uses(source, release, inference, by_line, usage).visit(source.tree)
    return usage


class _Uses(Walk):
    def __init__(
        self,
        source: SourceFile,
        release: Release,
        inference: Inference,
        by_line: Mapping[tuple[str, int], FunctionDefinition],
        usage: Usage,
    ) -> None:
        super().__init__(source, release.modules.modules, inference)
        self._by_line = by_line
        self._usage = usage
        self._tables = {spec.cls for spec in release.schema}

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        definition = self._by_line.get((str(self.source.path), node.lineno))
        if definition is not None:
            column = (
                node.col_offset + len("async def " if isinstance(node, ast.AsyncFunctionDef) else "def ") + 1
            )
            place = self.source.place_of_line(node.lineno, column, len(node.name))
            self._usage.places[definition.path] = place
        super()._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        found = vars(self.source.module).get(node.name) if not self.functions else None
        if found in self._tables:
            cls = cast("type[Document]", found)
            self._usage.table_places[cls] = self.source.place_of_line(node.lineno)
            for statement in node.body:
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                    index = vars(cls).get(statement.targets[0].id)
                    if isinstance(index, Index):
                        self._usage.index_places[index] = self.source.place_of(statement.targets[0])
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._end(node.iter, "iteration", self.source.place_of(node.iter))
        self.generic_visit(node)

    def _comprehension(self, node: Comprehension, results: list[ast.expr]) -> None:
        for generator in node.generators:
            self._end(generator.iter, "iteration", self.source.place_of(generator.iter))
        super()._comprehension(node, results)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in _ENDS:
            self._end(node.func.value, node.func.attr, self.source.place_of_attribute(node.func))
        elif isinstance(node.func, ast.Name) and node.func.id in (
            "list",
            "sorted",
            "sum",
            "any",
            "next",
            "iter",
        ):
            for argument in node.args[:1]:
                self._end(argument, "iteration", self.source.place_of(argument))
        self._scheduling(node)
        super().visit_Call(node)

    def _scheduling(self, node: ast.Call) -> None:
        """`ctx.scheduler.after(delay, function, ...)`, and `at`."""
        match node.func:
            case ast.Attribute(attr="after" | "at", value=ast.Attribute(attr="scheduler")) if (
                len(node.args) > 1
            ):
                found = self.inference.kind(node.args[1], self.scope)
                value = found.value if isinstance(found, Object) else None
                if isinstance(value, Function):
                    function = cast("Function[..., Any]", value)
                    self._usage.scheduled.append(
                        (self.source.place_of(node.args[1]), self._path(), function.definition)
                    )
            case _:
                pass

    def visit_Attribute(self, node: ast.Attribute) -> None:
        inference = self.inference
        if node.attr == "unrestricted" and (
            inference.is_database(node.value) or inference.is_storage(node.value)
        ):
            self._usage.unrestricted.append((self.source.place_of_attribute(node), self._path()))
        if node.attr == "auth":
            for use in self._uses():
                use.looks_at_identity = True
        found = self.inference.kind(node, self.scope)
        if isinstance(found, Object):
            self._name(found.value)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        found = self.inference.kind(node, self.scope)
        if isinstance(found, Object):
            self._name(found.value)

    def _name(self, value: object) -> None:
        if isinstance(value, Index):
            self._usage.named.add(value)
        elif isinstance(value, DocumentMeta):
            for use in self._uses():
                use.tables |= self._tables & {value}
        elif isinstance(value, Function):
            for use in self._uses():
                use.calls.add(id(cast("Function[..., Any]", value).fn))
        elif isinstance(value, FunctionType):
            for use in self._uses():
                use.calls.add(id(value))

    def _end(self, node: ast.expr, end: str, place: Place) -> None:
        rows = self.inference.kind(node, self.scope)
        if isinstance(rows, Rows):
            self._usage.queries.append(QueryUse(rows, end, place, self._path()))

    def _path(self) -> str | None:
        if not self.functions:
            return None
        found = self._by_line.get((str(self.source.path), self.functions[0].lineno))
        return None if found is None else found.path

    def _uses(self) -> list[FunctionUse]:
        """The use of the outermost function around this place: what is inside it belongs to it."""
        if not self.functions:
            return []
        name = self.functions[0].name
        found = self._by_line.get((str(self.source.path), self.functions[0].lineno))
        function = found.fn if found is not None else vars(self.source.module).get(name)
        if not isinstance(function, FunctionType):
            return []
        return [self._usage.functions.setdefault(id(function), FunctionUse())]
