"""The functions of one release, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from syncline.kernel.errors import ForbiddenError, FunctionNotFoundError, SetupError
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.kernel.limits import Limits
from syncline.schema import TableNumbers

from .admission import Admission
from .decorators import Function
from .definitions import FunctionDefinition, define
from .kinds import Kind
from .sources import short_name


class Registry:
    """An immutable map from canonical paths ("admin/users:ban") to definitions, and who is let in to them."""

    __slots__ = ("_by_path", "admission")

    def __init__(
        self, definitions: Iterable[FunctionDefinition] = (), admission: Admission = Admission()
    ) -> None:
        self.admission = admission
        self._by_path: dict[str, FunctionDefinition] = {}
        for definition in definitions:
            other = self._by_path.setdefault(definition.path, definition)
            if other is not definition:
                raise SetupError(
                    f"two functions are called {definition.path}:\n"
                    f"  {short_name(other.file)}:{other.line}  {other.fn.__qualname__}\n"
                    f"  {short_name(definition.file)}:{definition.line}  {definition.fn.__qualname__}",
                    f'give one of them another name on the wire: @{definition.kind.decorator}(name="...")',
                )

    @classmethod
    def of(cls, *functions: Function[..., Any], module: str | None = None) -> Registry:
        """A registry of the given functions. `module` is their module on the wire, their own if absent."""
        return cls(
            define(item, f"{module}:{item.name}" if module is not None else None) for item in functions
        )

    def plus(self, definitions: Iterable[FunctionDefinition]) -> Registry:
        """The same functions and more, for the same callers."""
        return Registry([*self, *definitions], self.admission)

    def bind(self, tables: TableNumbers, limits: Limits | None = None) -> Registry:
        """The same functions, checking that ids in arguments and results are of the right tables."""
        return Registry((item.bind(tables, limits) for item in self), self.admission)

    @property
    def definitions(self) -> Mapping[str, FunctionDefinition]:
        return self._by_path

    def __iter__(self) -> Iterator[FunctionDefinition]:
        return iter(self._by_path.values())

    def __len__(self) -> int:
        return len(self._by_path)

    def get(self, path: str) -> FunctionDefinition | None:
        return self._by_path.get(path)

    def find(self, path: str, kind: Kind | None, caller: Caller = ANONYMOUS) -> FunctionDefinition:
        """The function at `path` if `caller` may call it as a `kind` (None: as whatever it is).

        Raises FunctionNotFoundError, UnauthenticatedError if it needs a signed-in caller, and ForbiddenError if the
        caller's admin key is for reading only. An internal function looks exactly like a missing one to those who do
        not hold an admin key.
        """
        found = self._by_path.get(path)
        trusted = caller.admin or caller.backend
        if found is None or (found.internal and not trusted):
            shown = _shown(path)
            if kind is None:
                names = [name for name, each in self._by_path.items() if trusted or not each.internal]
                near = get_close_matches(path, names, 1, 0.8)
                remedy = f"Did you mean '{near[0]}'?" if near else "Did you forget to run `syncline dev`?"
                raise FunctionNotFoundError(f"Could not find function for '{shown}'. {remedy}")
            raise FunctionNotFoundError(f"Could not find public function for '{shown}'.")
        if caller.read_only:
            _check_reading(found)
        if self.admission.signed_in:
            self.admission.check(caller, anonymous=found.anonymous, what=found.path)
        if kind is not None and found.kind is not kind:
            raise FunctionNotFoundError(
                f"Trying to execute {wire_form(path)} as {kind.value}, but it is defined as {found.kind.value}."
            )
        return found


#: What looks at the secrets of a deployment.
_SECRETS = ("_system/environment:", "_system/cli/queryEnvironmentVariables:")


def _check_reading(found: FunctionDefinition) -> None:
    """Raises ForbiddenError for what a key of the scope `read` is not for."""
    if found.kind is not Kind.QUERY or found.path.startswith(_SECRETS):
        raise ForbiddenError(
            f"{found.path} needs an admin key of the scope `admin`; this one is for reading (syncline keys list)"
        )


def _shown(path: str) -> str:
    return path.removesuffix(":default")


def wire_form(path: str) -> str:
    """A path as the protocol's error texts write it: "messages.js:list"."""
    module, _, name = path.rpartition(":")
    return f"{module}.js:{name}"
