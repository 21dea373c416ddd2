"""What names stand for: the names of a function, of those around it, and of its module."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal, TypeAlias

from .kinds import PENDING, Object, Shown, joined, of_hint

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Binder:
    """One way in which a name gets its value."""

    how: Literal["value", "element", "hint", "import", "known", "other"]
    node: ast.AST | None = None
    known: Shown = None


@dataclass(eq=False)
class Scope:
    """The names of a module, a function, a lambda or a comprehension."""

    module: ModuleType
    modules: Mapping[str, ModuleType]
    parent: Scope | None = None
    binders: dict[str, list[Binder]] = field(default_factory=dict[str, list[Binder]])
    _found: dict[str, Shown] = field(default_factory=dict[str, Shown])

    def bind(self, name: str, binder: Binder) -> None:
        self.binders.setdefault(name, []).append(binder)

    def kind_of(self, name: str, follow: Callable[[Binder, Scope], Shown]) -> Shown:
        """What the name stands for here. `follow` finds out what one binder gives."""
        scope: Scope = self
        while scope.parent is not None and name not in scope.binders:
            scope = scope.parent
        if scope.parent is None:
            return scope._global(name)
        if name not in scope._found:
            scope._found[name] = PENDING  # what a loop's own name gives while it is found out
            scope._found[name] = scope._joined(name, follow)
        return scope._found[name]

    def _joined(self, name: str, follow: Callable[[Binder, Scope], Shown]) -> Shown:
        return joined(follow(binder, self) for binder in self.binders[name])

    def _global(self, name: str) -> Shown:
        names = vars(self.module)
        if name in names:
            return Object(names[name])
        return Object(getattr(builtins, name)) if hasattr(builtins, name) else None

    def evaluated(self, hint: ast.expr) -> Shown:
        """What a parameter or name with this hint is."""
        if isinstance(hint, ast.Constant) and isinstance(hint.value, str):
            source = hint.value
        else:
            source = ast.unparse(hint)
        try:
            # It was evaluated when the module was imported, or would have been.
            return of_hint(eval(source, vars(self.module)))  # noqa: S307 - see above
        except Exception:
            return None

    def imported(self, node: ast.ImportFrom, name: str) -> Shown:
        """What an import inside a function gives, if it is one of the application's modules."""
        base = str(getattr(self.module, "__package__", "") or "")
        if node.level:
            base = ".".join(base.split(".")[: len(base.split(".")) - node.level + 1])
            target = f"{base}.{node.module}" if node.module else base
        else:
            target = node.module or ""
        inner = self.modules.get(f"{target}.{name}")
        if inner is not None:
            return Object(inner)
        module = self.modules.get(target)
        return Object(vars(module)[name]) if module is not None and name in vars(module) else None


def function_scope(node: FunctionNode | ast.Lambda, parent: Scope) -> Scope:
    """The scope of a function's body."""
    scope = Scope(parent.module, parent.modules, parent)
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        hint = argument.annotation
        scope.bind(argument.arg, Binder("other") if hint is None else Binder("hint", hint))
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            scope.bind(rest.arg, Binder("other"))
    if not isinstance(node, ast.Lambda):
        for statement in node.body:
            _bind_statement(statement, scope)
    return scope


def comprehension_scope(node: Comprehension, parent: Scope) -> Scope:
    """The scope of a comprehension's elements and conditions."""
    scope = Scope(parent.module, parent.modules, parent)
    for generator in node.generators:
        _bind_target(generator.target, Binder("element", generator.iter), scope)
    return scope


def _bind_statement(node: ast.AST, scope: Scope) -> None:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            scope.bind(node.name, Binder("other"))
            return
        case ast.Lambda():
            return
        case ast.Assign():
            for target in node.targets:
                _bind_target(target, Binder("value", node.value), scope)
        case ast.AnnAssign():
            _bind_target(node.target, Binder("hint", node.annotation), scope)
        case ast.AugAssign():
            _bind_target(node.target, Binder("other"), scope)
        case ast.For() | ast.AsyncFor():
            _bind_target(node.target, Binder("element", node.iter), scope)
        case ast.NamedExpr():
            _bind_target(node.target, Binder("value", node.value), scope)
        case ast.ImportFrom():
            for alias in node.names:
                scope.bind(alias.asname or alias.name, Binder("import", node, Object(alias.name)))
        case ast.Import():
            for alias in node.names:
                scope.bind(alias.asname or alias.name.partition(".")[0], Binder("other"))
        case ast.withitem() if node.optional_vars is not None:
            _bind_target(node.optional_vars, Binder("other"), scope)
        case ast.ExceptHandler() if node.name is not None:
            scope.bind(node.name, Binder("other"))
        case ast.MatchAs() | ast.MatchStar() if node.name is not None:
            scope.bind(node.name, Binder("other"))
        case ast.MatchMapping() if node.rest is not None:
            scope.bind(node.rest, Binder("other"))
        case ast.Global() | ast.Nonlocal():
            for name in node.names:
                scope.bind(name, Binder("other"))
        case _:
            pass
    for child in _same_scope(node):
        _bind_statement(child, scope)


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        # Targets of comprehensions are their own; what `:=` binds in them is the function's.
        if not isinstance(child, ast.comprehension):
            yield child
        else:
            yield from (child.iter, *child.ifs)


def _bind_target(target: ast.expr, binder: Binder, scope: Scope) -> None:
    match target:
        case ast.Name():
            scope.bind(target.id, binder)
        case ast.Tuple() | ast.List():
            for each in target.elts:
                _bind_target(each, Binder("other"), scope)
        case ast.Starred():
            _bind_target(target.value, Binder("other"), scope)
        case _:
            pass
