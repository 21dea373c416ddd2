"""What expressions of an application are: documents, ids, queries. Only where there is no doubt."""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any, Final, cast

from syncline.functions import Function
from syncline.schema import Bound, Document, Index, TableSpec, contains, table_of
from syncline.schema.containers import ConstrainedNode, ListNode, UnionNode
from syncline.schema.document import DocumentMeta
from syncline.schema.nodes import NullNode, TypeNode
from syncline.schema.scalars import IdNode

from .kinds import (
    PENDING,
    Condition,
    Doc,
    IdOf,
    Many,
    Object,
    PageOf,
    Pending,
    Rows,
    Shown,
    element,
    joined,
    of_hint,
)
from .scopes import Binder, Comprehension, Scope, comprehension_scope

_LISTS: Final = frozenset({list, tuple, sorted, set, frozenset, reversed})
_SAME_ROWS: Final = frozenset({"order", "search", "nearest"})


class Inference:
    """Knows the tables of a release, and what its functions give."""

    def __init__(self, tables: Iterable[TableSpec]) -> None:
        self._classes: Mapping[str, type[Document]] = {spec.name: spec.cls for spec in tables}
        self._comprehensions: dict[ast.AST, Scope] = {}

    def comprehension(self, node: Comprehension, scope: Scope) -> Scope:
        """The scope inside a comprehension."""
        found = self._comprehensions.get(node)
        if found is None:
            found = self._comprehensions[node] = comprehension_scope(node, scope)
        return found

    def kind(self, node: ast.expr, scope: Scope) -> Shown:
        """What `node` is; None if that is not certain."""
        match node:
            case ast.Name():
                return scope.kind_of(node.id, self._bound)
            case ast.Constant(value=None):
                return PENDING
            case ast.Attribute():
                return self._attribute(node.attr, self.kind(node.value, scope))
            case ast.Call():
                return self._call(node, scope)
            case ast.Await() | ast.NamedExpr():
                return self.kind(node.value, scope)
            case ast.IfExp():
                return joined([self.kind(node.body, scope), self.kind(node.orelse, scope)])
            case ast.BoolOp(op=ast.Or()):
                return joined(self.kind(value, scope) for value in node.values)
            case ast.Subscript():
                base = self.kind(node.value, scope)
                if isinstance(base, Many):
                    return base if isinstance(node.slice, ast.Slice) else base.item
                return None
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return Many(self.kind(node.elt, self.comprehension(node, scope)))
            case ast.List():
                return Many(joined(self.kind(each, scope) for each in node.elts)) if node.elts else None
            case _:
                return None

    def document_class(self, node: ast.expr, scope: Scope) -> type[Document] | None:
        """The document class that `node` names."""
        found = self.kind(node, scope)
        return _class_of(found.value) if isinstance(found, Object) else None

    def target_class(self, node: ast.expr, scope: Scope) -> type[Document] | None:
        """The class of the document that `node` is, or is the id of."""
        found = self.kind(node, scope)
        return found.cls if isinstance(found, Doc | IdOf) else None

    def is_database(self, node: ast.expr) -> bool:
        """Whether this looks like `ctx.db`."""
        match node:
            case ast.Attribute(attr="unrestricted"):
                return self.is_database(node.value)
            case ast.Attribute(attr="db") | ast.Name(id="db"):
                return True
            case _:
                return False

    def is_storage(self, node: ast.expr) -> bool:
        """Whether this looks like `ctx.storage`."""
        return isinstance(node, ast.Attribute) and node.attr == "storage"

    def condition_kind(self, node: ast.expr, scope: Scope) -> str:
        """ "range", "contains", or "equal" where nothing says otherwise."""
        found = self.kind(node, scope)
        return found.kind if isinstance(found, Condition) else "equal"

    # Inside

    def _bound(self, binder: Binder, scope: Scope) -> Shown:
        match binder.how:
            case "value":
                assert isinstance(binder.node, ast.expr)
                return self.kind(binder.node, scope)
            case "element":
                assert isinstance(binder.node, ast.expr)
                return element(self.kind(binder.node, scope))
            case "hint":
                assert isinstance(binder.node, ast.expr)
                return scope.evaluated(binder.node)
            case "import":
                assert isinstance(binder.node, ast.ImportFrom) and isinstance(binder.known, Object)
                return scope.imported(binder.node, str(binder.known.value))
            case "known":
                return binder.known
            case "other":
                return None

    def _attribute(self, name: str, base: Shown) -> Shown:
        match base:
            case Object(value) if isinstance(value, ModuleType):
                return Object(vars(value)[name]) if name in vars(value) else None
            case Object(value) if isinstance(value, type):
                try:
                    return Object(inspect.getattr_static(value, name))
                except AttributeError:
                    return None
            case Doc(cls):
                return IdOf(cls) if name == "id" else self._field(cls, name)
            case PageOf(item) if name == "items":
                return Many(item)
            case Pending():
                return PENDING
            case _:
                return None

    def _field(self, cls: type[Document], name: str) -> Shown:
        field = table_of(cls).by_name.get(name)
        return None if field is None else self._node(field.node)

    def _node(self, node: TypeNode) -> Shown:
        match node:
            case ConstrainedNode():
                return self._node(node.inner)
            case IdNode() if node.table in self._classes:
                return IdOf(self._classes[node.table])
            case ListNode():
                return Many(self._node(node.item))
            case UnionNode():
                return joined(self._node(each) for each in node.children() if not isinstance(each, NullNode))
            case _:
                return None

    def _call(self, node: ast.Call, scope: Scope) -> Shown:
        if isinstance(node.func, ast.Attribute):
            # Looked at once: twice at each link of a chain would be very often.
            base = self.kind(node.func.value, scope)
            found = self._method(node.func, base, node, scope)
            if found is not None:
                return found
            function = self._attribute(node.func.attr, base)
        else:
            function = self.kind(node.func, scope)
        if not isinstance(function, Object):
            return None
        value = function.value
        cls = _class_of(value)
        if cls is not None:
            return Doc(cls)
        if isinstance(value, type):
            if issubclass(value, Bound):
                return Condition("range")
            if value is contains:
                return Condition("contains")
        if node.args and any(value is each for each in _LISTS):
            item = element(self.kind(node.args[0], scope))
            return None if item is None else Many(item)
        return result_of(function.value)

    def _method(self, func: ast.Attribute, base: Shown, node: ast.Call, scope: Scope) -> Shown:
        name = func.attr
        first = node.args[0] if node.args else None
        if name == "query" and len(node.args) == 1 and not node.keywords:
            cls = self.document_class(node.args[0], scope)
            return None if cls is None else Rows(cls)
        if name == "run" and first is not None:
            function = self.kind(first, scope)
            return result_of(function.value) if isinstance(function, Object) else None
        if isinstance(base, Rows):
            return self._of_rows(base, name, node, scope)
        if isinstance(base, Pending):
            return PENDING
        if first is not None and self.is_database(func.value):
            return self._of_database(name, self.kind(first, scope))
        return None

    def _of_database(self, name: str, first: Shown) -> Shown:
        match name, first:
            case "get" | "require", IdOf(cls):
                return Doc(cls)
            case "get_many", Many(IdOf(cls)):
                return Many(Doc(cls))
            case "insert", Doc(cls):
                return IdOf(cls)
            case "insert_many", Many(Doc(cls)):
                return Many(IdOf(cls))
            case "normalize_id", Object(value) if (found := _class_of(value)) is not None:
                return IdOf(found)
            case _:
                return None

    def _of_rows(self, rows: Rows, name: str, node: ast.Call, scope: Scope) -> Shown:
        if name in ("where", "index"):
            named = [keyword for keyword in node.keywords if keyword.arg is not None]
            made = [(str(each.arg), self.condition_kind(each.value, scope)) for each in named]
            exact = rows.exact and len(named) == len(node.keywords)
            index = rows.index
            if name == "index" and node.args:
                found = self.kind(node.args[0], scope)
                index = found.value if isinstance(found, Object) and isinstance(found.value, Index) else None
                exact = exact and index is not None
            return replace(rows, conditions=(*rows.conditions, *made), index=index, exact=exact)
        if name == "filter":
            return replace(rows, filtered=True)
        if name in _SAME_ROWS:
            return rows if name == "order" else replace(rows, exact=False)
        match name:
            case "first" | "unique":
                return Doc(rows.cls)
            case "take" | "all":
                return Many(Doc(rows.cls))
            case "paginate":
                return PageOf(Doc(rows.cls))
            case _:
                return None


def _class_of(value: object) -> type[Document] | None:
    if isinstance(value, DocumentMeta) and value is not Document:
        return cast("type[Document]", value)
    return None


def result_of(value: object) -> Shown:
    """What calling a function gives, as its hint says."""
    function = cast("Function[..., Any]", value).fn if isinstance(value, Function) else value
    if not isinstance(function, FunctionType) or "return" not in function.__annotations__:
        return None
    try:
        return of_hint(typing.get_type_hints(function).get("return"))
    except Exception:
        return None  # a hint for type checkers only
