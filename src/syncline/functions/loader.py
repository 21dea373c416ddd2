"""From a folder of Python modules to a release: everything the engine needs to know of an application."""

from __future__ import annotations

import keyword
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from syncline.auth.issuers import issuers
from syncline.kernel.errors import SetupError
from syncline.schema import TableSpec, collect
from syncline.system import SYSTEM_TABLES

from .admission import Admission
from .app import App
from .collecting import collecting
from .crons import check_crons
from .decorators import Function
from .definitions import FunctionDefinition, define
from .guards import install_guards
from .load_errors import at_function, while_importing
from .modules import ReleaseModules
from .registry import Registry
from .route_conflicts import check_routes
from .routes import Route
from .sources import add_source_root, short_name

_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "tests"})


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A loaded version of the application's code."""

    registry: Registry
    schema: tuple[TableSpec, ...]
    app: App | None
    files: tuple[Path, ...]
    folder: Path
    modules: ReleaseModules
    routes: tuple[Route, ...] = ()

    def activate(self) -> None:
        """Let `import backend` find this release from now on."""
        self.modules.activate()


def load_application(folder: Path, *, activate: bool = True) -> Release:
    """Import all modules of the application in `folder` afresh, beside any release that is loaded already.

    Without `activate` the older release stays what `import backend` finds, until `Release.activate`. Raises
    SetupError, naming file and line; nothing is changed then.
    """
    install_guards()
    folder = folder.resolve()
    _check_folder(folder)
    add_source_root(str(folder.parent))
    names = list(_module_names(folder))
    modules = ReleaseModules(folder)
    with modules.in_place(), collecting() as declared:
        try:
            modules.load(names)
        except (Exception, SystemExit) as error:
            raise while_importing(error, folder) from error
        _show_info_lines(modules.package)
        app = _app(modules, [item for item in declared if isinstance(item, App)])
        providers = () if app is None else app.auth
        admission = Admission(signed_in=bool(providers), several_issuers=len(issuers(providers)) > 1)
        functions = [item for item in declared if isinstance(item, Function)]
        registry = Registry(_definitions(functions, modules), admission)
        routes = tuple(
            item for item in declared if isinstance(item, Route) and modules.holds(item.__module__)
        )
        check_routes(routes)
        check_crons(functions)
        schema = collect(modules.modules.values(), SYSTEM_TABLES)
    files = tuple(sorted(_files(modules.modules.values())))
    if activate:
        modules.activate()
    return Release(registry, schema, app, files, folder, modules, routes)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise SetupError(
            f"there is no folder {folder}", "name the folder of the application's functions: --backend DIR"
        )
    name = folder.name
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SetupError(
            f"the folder {folder} cannot be imported as a package: {name!r} is not a Python name",
            "rename it, for example to backend",
        )
    if name in sys.stdlib_module_names or name == "syncline":
        raise SetupError(
            f"the folder {folder} would hide the module {name!r}, which others import",
            "rename it, for example to backend",
        )


def _module_names(folder: Path) -> Iterator[str]:
    """The names of all modules, the package itself first."""
    yield folder.name
    yield from _names_below(folder, folder.name)


def _names_below(folder: Path, package: str) -> Iterator[str]:
    for place in sorted(folder.iterdir()):
        name = place.stem
        if place.name.startswith((".", "_")):
            continue
        if place.is_dir():
            if place.name.isidentifier() and place.name not in _SKIPPED_FOLDERS:
                if (place / "__init__.py").is_file():
                    yield f"{package}.{place.name}"
                yield from _names_below(place, f"{package}.{place.name}")
        elif place.suffix == ".py" and name != "conftest" and not name.startswith("test_"):
            if not name.isidentifier() or keyword.iskeyword(name):
                raise SetupError(
                    f"{short_name(str(place))} cannot be imported: {name!r} is not a Python name",
                    "rename the file: its name is a part of the names of its functions; or start it with _ to skip it",
                )
            yield f"{package}.{name}"


def _definitions(
    declared: Sequence[Function[..., Any]], modules: ReleaseModules
) -> Iterator[FunctionDefinition]:
    for function in declared:
        if not modules.holds(function.__module__):
            continue
        module = function.__module__.removeprefix(modules.package).removeprefix(".").replace(".", "/")
        if not module:
            raise at_function(
                function,
                f"functions cannot be in {modules.package}/__init__.py: clients call them by module and name",
                "move it to a module beside it",
            )
        if module.startswith("_system"):
            raise at_function(
                function, "modules whose names start with _system are reserved", "rename the module"
            )
        path = f"{module}:{function.name}"
        try:
            yield define(function, path)
        except SetupError as error:
            raise at_function(function, str(error)) from error
        except (NameError, AttributeError, TypeError) as error:
            raise at_function(
                function,
                f"{path}: its hints cannot be read: {error}",
                "every hint must be a type that exists at run time in the module of the function "
                "(imports under TYPE_CHECKING do not)",
            ) from error


def _app(modules: ReleaseModules, declared: Sequence[App]) -> App | None:
    """The application's App. Raises SetupError if there is another one: whoever wrote it relies on what it says."""
    module = modules.modules.get(f"{modules.package}.app")
    found = getattr(module, "app", None)
    if found is not None and not isinstance(found, App):
        raise SetupError(
            f"{modules.package}/app.py: `app` is a {type(found).__name__}, not an App",
            "from syncline import App; app = App()",
        )
    for other in declared:
        if other is not found:
            raise SetupError(
                f"{_name_of(other, modules)} is an App that nothing would use, so that nobody would have to sign in",
                f"an application has one App: name it `app` in {modules.package}/app.py",
            )
    return found


def _name_of(app: App, modules: ReleaseModules) -> str:
    for name, module in modules.modules.items():
        for variable, value in vars(module).items():
            if value is app:
                return f"`{variable}` in {name.replace('.', '/')}.py"
    return "what App(...) made"


def _files(modules: Iterable[ModuleType]) -> Iterator[Path]:
    for module in modules:
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            yield Path(file)


def _show_info_lines(package: str) -> None:
    """Logging drops `info` unless told otherwise: let it through for the application's own loggers."""
    logger = logging.getLogger(package)
    root = logging.getLogger()
    if logger.level == logging.NOTSET and not root.handlers and root.level > logging.INFO:
        logger.setLevel(logging.INFO)
