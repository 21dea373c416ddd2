"""The modules of an application, imported aside so that several releases can live in one process.

Every release has module objects of its own under the same names. One release at a time is *in place*: it is what
`sys.modules` holds and what `import backend` finds. A release that is loading, or that serves on while a newer one
is in place, imports through its own `__import__`, which puts it in place for as long as that takes.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import Any, Final

from .shadows import SHADOWS, checked_moment

_CHECK: Final = "@checked_moment"  # No Python source can use this name.
_MOMENTS: Final = frozenset({"now", "utcnow", "today"})
_MARKS: Final = (b".now(", b".utcnow(", b".today(")

_lock: Final = RLock()
_in_place: dict[str, ReleaseModules] = {}


class ReleaseModules:
    """The modules of one release of the application in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder.name
        self.modules: dict[str, ModuleType] = {}
        self.loaded = False  # False -> True: load()
        self._prefix = self.package + "."
        self._builtins: dict[str, Any] = {
            **vars(builtins),
            "__import__": self._import,
            _CHECK: checked_moment,
        }

    def holds(self, name: str) -> bool:
        """Whether `name` is the name of one of the application's modules."""
        return name == self.package or name.startswith(self._prefix)

    @contextmanager
    def in_place(self) -> Generator[None, None, None]:
        """Let imports of the application find this release within the block."""
        with _lock:
            if _in_place.get(self.package) is self:
                yield
                return
            other = _in_place.get(self.package)
            aside = self._swap(self.modules)
            _in_place[self.package] = self
            try:
                yield
            finally:
                self._remember()
                self._swap(aside)
                if other is None:
                    del _in_place[self.package]
                else:
                    _in_place[self.package] = other

    def load(self, names: Iterable[str]) -> None:
        """Import the modules of these names. Within `in_place`; raises what they raise."""
        importlib.invalidate_caches()
        for name in names:
            importlib.import_module(name)
        self._remember()
        self.loaded = True

    def activate(self) -> None:
        """Put this release in place for good."""
        with _lock:
            if _in_place.get(self.package) is not self:
                self._swap(self.modules)
                _in_place[self.package] = self

    def close(self) -> None:
        """Take the release out of place, if it is in it."""
        with _lock:
            if _in_place.get(self.package) is self:
                self._remember()
                self._swap({})
                del _in_place[self.package]

    def _swap(self, modules: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
        aside = {name: module for name, module in list(sys.modules.items()) if self.holds(name)}
        for name in aside:
            del sys.modules[name]
        sys.modules.update(modules)
        return aside

    def _remember(self) -> None:
        self.modules = {name: module for name, module in list(sys.modules.items()) if self.holds(name)}

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """`__import__` of the application's modules."""
        if level == 0 and not self.holds(name):
            found = builtins.__import__(name, globals, locals, fromlist or (), 0)
            shadow = SHADOWS.get(getattr(found, "__name__", ""))
            return found if shadow is None else shadow
        known = self._known(name, globals, fromlist, level)
        if known is not None:
            return known
        with self.in_place():
            found = builtins.__import__(name, globals, locals, fromlist or (), level)
            if self.loaded:
                self._remember()
            return found

    def _known(
        self, name: str, globals: Mapping[str, Any] | None, fromlist: Sequence[str] | None, level: int
    ) -> ModuleType | None:
        """What the import gives if that is loaded already: functions import often, and must not wait for a reload."""
        if level:
            package = str((globals or {}).get("__package__") or "")
            name = importlib.util.resolve_name("." * level + name, package)
        module = self.modules.get(name)
        if module is None:
            return None
        if not fromlist:
            return self.modules.get(self.package)
        return module if all(hasattr(module, item) for item in fromlist) else None

    def spec_of(self, name: str) -> ModuleSpec | None:
        """Where the module `name` is, or None."""
        place = self.folder.joinpath(*name.split(".")[1:])
        for file, is_package in ((place / "__init__.py", True), (place.with_name(place.name + ".py"), False)):
            if file.is_file() and (is_package or name != self.package):
                loader = _Loader(name, str(file), self._builtins)
                locations = [str(place)] if is_package else None
                return importlib.util.spec_from_file_location(
                    name, file, loader=loader, submodule_search_locations=locations
                )
        if place.is_dir():
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        return None


class _Loader(SourceFileLoader):
    """Compiles from the source every time: the times in compiled files are too coarse for quick successive saves."""

    def __init__(self, name: str, path: str, builtins: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._builtins = builtins

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._builtins
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        if not any(mark in source for mark in _MARKS):
            return compile(source, self.path, "exec", dont_inherit=True)
        tree = _CheckedMoments().visit(ast.parse(source, self.path))
        return compile(tree, self.path, "exec", dont_inherit=True)


class _CheckedMoments(ast.NodeTransformer):
    """`x.now(...)` becomes `checked_moment(x.now)(...)`: see `shadows`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _MOMENTS:
            name = ast.copy_location(ast.Name(_CHECK, ast.Load()), node.func)
            node.func = ast.copy_location(ast.Call(name, [node.func], []), node.func)
        return node


class _Finder(MetaPathFinder):
    """Finds the modules of the releases that are in place."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        release = _in_place.get(fullname.partition(".")[0])
        return None if release is None else release.spec_of(fullname)


sys.meta_path.insert(0, _Finder())
