"""Adding to Python modules that people have written: new text goes in, theirs stays as it is."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

from syncline.kernel.errors import SetupError

#: Imports that fit into so many characters stay on one line, whatever formatter is used.
LINE = 88


def with_imports(text: str, imports: Iterable[tuple[str, str]], where: str) -> str:
    """`text` with `from module import name` for each pair that it does not import yet. Raises SetupError.

    An import of the module that is there already is extended; otherwise the new one goes where sorted imports have it.
    """
    wanted: dict[str, set[str]] = {}
    for module, name in imports:
        wanted.setdefault(module, set()).add(name)
    for module in sorted(wanted):
        text = _with_names(text, module, wanted[module], where)
    return text


def import_lines(imports: Iterable[tuple[str, str]], local: Iterable[tuple[str, str]] = ()) -> str:
    """The imports of a new module, sorted: the standard library, other packages, and then `local`."""
    pairs = set(imports)
    standard = {pair for pair in pairs if _is_standard(pair[0])}
    groups = [_import_group(standard), _import_group(pairs - standard), _import_group(local)]
    return "\n\n".join(group for group in groups if group)


def appended(text: str, addition: str) -> str:
    """`text` with a class or a function at its end, two blank lines below the rest."""
    return f"{text.rstrip()}\n\n\n{addition.strip()}\n" if text.strip() else f"{addition.strip()}\n"


def names_in(text: str, where: str) -> frozenset[str]:
    """The names that a module defines or imports at its top level."""
    found: set[str] = set()
    for node in _parsed(text, where).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return frozenset(found)


def statement(module: str, names: Iterable[str]) -> str:
    """`from module import a, b`, in parentheses if it is long; as formatters write it."""
    ordered = sorted(names, key=_import_order)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= LINE:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in ordered), ")"])


def _parsed(text: str, where: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise SetupError(f"{where}:{error.lineno} is not Python: {error.msg}", "correct it first") from None


def _with_names(text: str, module: str, names: set[str], where: str) -> str:
    tree = _parsed(text, where)
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    same = [node for node in froms if "." * node.level + (node.module or "") == module]
    names = names - {alias.name for node in same for alias in node.names if alias.asname is None}
    if not names:
        return text
    lines = text.splitlines()
    for node in same:
        written = lines[node.lineno - 1 : node.end_lineno]
        plain = all(alias.asname is None and alias.name != "*" for alias in node.names)
        if plain and not any("#" in line or "\\" in line or ";" in line for line in written):
            merged = _extended(module, {alias.name for alias in node.names} | names, written)
            return _joined([*lines[: node.lineno - 1], merged, *lines[node.end_lineno :]])
    place, blank_before, blank_after = _place(tree, module)
    new = [*([""] if blank_before else []), statement(module, names), *([""] if blank_after else [])]
    return _joined([*lines[:place], *new, *lines[place:]])


def _extended(module: str, names: set[str], written: list[str]) -> str:
    """An import with more names; one that stood in parentheses on several lines keeps that form."""
    if len(written) == 1:
        return statement(module, names)
    return "\n".join([written[0], *(f"    {name}," for name in sorted(names, key=_import_order)), ")"])


def _place(tree: ast.Module, module: str) -> tuple[int, bool, bool]:
    """After how many lines a new import goes, and whether blank lines go before and behind it."""
    section = _section(module)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    before = [node for node in imports if _sort_key(node) <= (section, 1, module)]
    following = [node for node in imports if not before or node.lineno > before[-1].lineno]
    same = following and _sort_key(following[0])[0] == section
    if same and not (before and _sort_key(before[-1])[0] == section):
        return following[0].lineno - 1, False, False
    if before:
        last = before[-1]
        new_group = _sort_key(last)[0] != section
        return last.end_lineno or last.lineno, new_group, new_group and not _has_room(following, last)
    if imports:
        return imports[0].lineno - 1, False, True
    first = tree.body[0] if tree.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return first.end_lineno or first.lineno, True, False
    return 0, False, bool(tree.body)


def _has_room(following: list[ast.Import | ast.ImportFrom], last: ast.stmt) -> bool:
    """Whether a blank line stands below `last` already."""
    return not following or following[0].lineno > (last.end_lineno or last.lineno) + 1


def _sort_key(node: ast.Import | ast.ImportFrom) -> tuple[int, int, str]:
    """Section, plain imports before `from` ones, and the module."""
    if isinstance(node, ast.Import):
        return _section(node.names[0].name), 0, node.names[0].name
    module = "." * node.level + (node.module or "")
    return _section(module), 1, module


def _section(module: str) -> int:
    if module == "__future__":
        return 0
    return 3 if module.startswith(".") else 1 if _is_standard(module) else 2


def _is_standard(module: str) -> bool:
    return module.split(".")[0] in sys.stdlib_module_names


def _import_group(pairs: Iterable[tuple[str, str]]) -> str:
    modules: dict[str, list[str]] = {}
    for module, name in pairs:
        modules.setdefault(module, []).append(name)
    return "\n".join(statement(module, names) for module, names in sorted(modules.items()))


def _import_order(name: str) -> tuple[int, str]:
    """Constants, classes, functions: as isort and ruff sort them."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"
