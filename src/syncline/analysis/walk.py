"""Every expression of an application, with the scope that it stands in."""

from __future__ import annotations

import ast
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from .inference import Inference
from .kinds import Doc, Rows
from .scopes import Binder, Comprehension, Scope, function_scope
from .sources import SourceFile

_DEEP: Final = 20_000


@contextmanager
def deep_trees() -> Generator[None]:
    """Room for expressions that are nested deeper than Python's own limit lets a visitor go."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class Walk(ast.NodeVisitor):
    """Visits the expressions of one file. Subclasses look at what interests them.

    `functions` are the functions around the node that is being visited, the innermost last.
    """

    def __init__(self, source: SourceFile, modules: Mapping[str, ModuleType], inference: Inference) -> None:
        self.source = source
        self.inference = inference
        self.scope = Scope(source.module, modules)
        self.functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        self._each(
            [*node.decorator_list, *arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
        )
        self.functions.append(node)
        self._inside(function_scope(node, self.scope), node.body)
        self.functions.pop()

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._lambda(node, None)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node, [node.elt])

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node, [node.elt])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node, [node.elt])

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node, [node.key, node.value])

    def visit_Call(self, node: ast.Call) -> None:
        """A `.filter(lambda document: ...)` of a query knows what its argument is."""
        match node:
            case ast.Call(func=ast.Attribute(attr="filter") as func, args=[ast.Lambda() as predicate]):
                rows = self.inference.kind(func.value, self.scope)
                self.visit(func)
                self._lambda(predicate, rows)
            case _:
                self.generic_visit(node)

    def _lambda(self, node: ast.Lambda, rows: object) -> None:
        scope = function_scope(node, self.scope)
        if isinstance(rows, Rows) and node.args.args:
            scope.binders[node.args.args[0].arg] = [Binder("known", known=Doc(rows.cls))]
        self._inside(scope, [node.body])

    def _comprehension(self, node: Comprehension, results: list[ast.expr]) -> None:
        self.visit(node.generators[0].iter)
        inner: list[ast.AST] = [*results]
        for number, generator in enumerate(node.generators):
            if number:
                inner.append(generator.iter)
            inner += generator.ifs
        self._inside(self.inference.comprehension(node, self.scope), inner)

    def _inside(self, scope: Scope, nodes: Iterable[ast.AST]) -> None:
        before, self.scope = self.scope, scope
        self._each(nodes)
        self.scope = before

    def _each(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)
