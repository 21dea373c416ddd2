"""Where functions name a caller by the subject alone: with several issuers that may be two people."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from syncline.auth.issuers import issuers
from syncline.functions import Release
from syncline.schema import Document
from syncline.system import SYSTEM_TABLES
from syncline.system.organizations import OrganizationMember
from syncline.system.users import UserProfile

from .findings import Finding, Severity
from .inference import Inference
from .kinds import Rows
from .scopes import Scope
from .sources import Place, SourceFile
from .walk import Walk, deep_trees

_CALLERS: Final = frozenset({"require", "require_recent", "user"})
_NAMING: Final = frozenset({"where", "index", "patch"})
#: Syncline's own tables whose `subject` is one, whatever issuers there are.
_WITH_SUBJECT: Final = (UserProfile, OrganizationMember)
#: A parameter that is somebody.
_IDENTITY: Final = re.compile(r"(\w+\.)?(Identity|UserProfile)( \| None)?").fullmatch


def callers_by_subject(release: Release, sources: Iterable[SourceFile]) -> Iterator[Finding]:
    """Fields that are set to, looked up by, or compared with the caller's subject, if there are several issuers."""
    if not release.registry.admission.several_issuers:
        return
    names = issuers(release.app.auth) if release.app is not None else ()
    known = ", ".join(name or "Syncline's own" for name in sorted(names))
    inference = Inference((*SYSTEM_TABLES, *release.schema))
    for source in sources:
        walk = _Subjects(source, release, inference)
        with deep_trees():
            walk.visit(source.tree)
        for place in walk.found:
            yield Finding(
                "subject",
                Severity.WARNING,
                "the subject alone names a caller",
                f"it is unique at its issuer only, and there are several ({known}): rules name owners and members by both, "
                "so rows under the subject are nobody's",
                "use ctx.auth.require().token_identifier, or compare the issuer as well",
                place,
            )


class _Subjects(Walk):
    def __init__(self, source: SourceFile, release: Release, inference: Inference) -> None:
        super().__init__(source, release.modules.modules, inference)
        self.found: list[Place] = []

    def visit_Call(self, node: ast.Call) -> None:
        cls = self._named_class(node)
        if cls is not None and not any(keyword.arg == "issuer" for keyword in node.keywords):
            for keyword in node.keywords:
                # Syncline's own tables with such a field have the subject there, whatever issuers there are.
                if keyword.arg != "subject" or cls not in _WITH_SUBJECT:
                    self._look(keyword.value)
        super().visit_Call(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        others = [each for each in sides if not self._is(each)]
        # A text of the code, None and another's `.subject` name nobody's rows.
        if others and not any(isinstance(each, ast.Constant) or _ends_in_subject(each) for each in others):
            for each in sides:
                self._look(each)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Attribute) for target in node.targets):
            self._look(node.value)
        self.generic_visit(node)

    def _named_class(self, node: ast.Call) -> type[Document] | None:
        """Whose rows a call makes or looks for, `Document` where that is unknown; None for other calls."""
        cls = self.inference.document_class(node.func, self.scope)
        if cls is not None:
            return cls
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in _NAMING:
            return None
        rows = self.inference.kind(node.func.value, self.scope)
        return rows.cls if isinstance(rows, Rows) else Document

    def _look(self, node: ast.expr) -> None:
        if self._is(node):
            self.found.append(self.source.place_of(node))

    def _is(self, node: ast.expr) -> bool:
        return _is_subject(node, self.scope, 0)


def _is_subject(node: ast.AST | None, scope: Scope, depth: int) -> bool:
    """Whether this is the caller's subject, as far as the source says so."""
    match node:
        case ast.Attribute(attr="subject"):
            return _is_caller(node.value, scope, depth)
        case ast.Name() if depth < 5:
            return any(_is_subject(value, scope, depth + 1) for value in _bound(node.id, scope, "value"))
        case ast.IfExp():
            return _is_subject(node.body, scope, depth) or _is_subject(node.orelse, scope, depth)
        case ast.BoolOp():
            return any(_is_subject(value, scope, depth) for value in node.values)
        case _:
            return False


def _ends_in_subject(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "subject"


def _is_caller(node: ast.AST, scope: Scope, depth: int) -> bool:
    match node:
        case ast.Attribute(attr="identity", value=ast.Attribute(attr="auth")):
            return True
        case ast.Call(func=ast.Attribute(attr=attr, value=ast.Attribute(attr="auth"))):
            return attr in _CALLERS
        case ast.NamedExpr():
            return _is_caller(node.value, scope, depth)
        case ast.Name() if depth < 5:
            hints = (ast.unparse(each) for each in _bound(node.id, scope, "hint"))
            return any(
                _is_caller(value, scope, depth + 1) for value in _bound(node.id, scope, "value")
            ) or any(_IDENTITY(hint) for hint in hints)
        case _:
            return False


def _bound(name: str, inner: Scope, how: str) -> Iterator[ast.AST]:
    """What a name is given, or hinted to be, in the innermost scope that has it."""
    scope: Scope | None = inner
    while scope is not None and name not in scope.binders:
        scope = scope.parent
    for binder in () if scope is None else scope.binders[name]:
        if binder.how == how and binder.node is not None:
            yield binder.node
