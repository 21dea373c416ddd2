"""Function definitions: what the registry knows about each function, with the codecs of its signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from syncline.kernel.errors import ArgumentError, SetupError
from syncline.kernel.limits import Limits
from syncline.schema import ArgumentsCodec, ResultCodec, TableNumbers
from syncline.schema.hints import evaluate

from .decorators import Action, ActionOptions, Function
from .kinds import Kind
from .retry import Retry

Binding: TypeAlias = "tuple[TableNumbers, Limits | None, FunctionDefinition]"


@dataclass(frozen=True, slots=True, eq=False)
class FunctionDefinition:
    """A function as it can be called. `path` is canonical: "admin/users:ban"."""

    path: str
    kind: Kind
    internal: bool
    anonymous: bool
    arguments: ArgumentsCodec
    result: ResultCodec
    fn: Callable[..., Any]
    function: Function[..., Any]
    module: str
    file: str
    line: int
    timeout: float | None  # seconds, for actions that say so
    is_async: bool
    parameters: tuple[str, ...]
    options: ActionOptions
    #: `path` as the heartbeat holds it.
    label: bytes
    #: What `bind` gave last, and for which tables and limits. Tests bind the same functions again and again.
    _bound: list[Binding] = field(default_factory=list["Binding"], init=False, repr=False)

    def bind(self, tables: TableNumbers, limits: Limits | None = None) -> FunctionDefinition:
        """The same function, checking that ids are of the right tables."""
        if not self._bound or self._bound[0][:2] != (tables, limits):
            arguments, result = self.arguments.bind(tables, limits), self.result.bind(tables, limits)
            bound = replace(self, arguments=arguments, result=result)
            self._bound[:] = [(tables, limits, bound)]
        bound = self._bound[0][2]
        self.function.definition = bound  # ctx.run finds it there.
        return bound

    @property
    def retry(self) -> Retry | None:
        return self.options.retry

    def __repr__(self) -> str:
        return f"<{self.kind.decorator} {self.path}>"


def define(function: Function[..., Any], path: str | None = None) -> FunctionDefinition:
    """The definition of a function, made once. Without `path` its module's last name is the module on the wire.

    Raises SetupError when a hint is missing or of a type that cannot be sent.
    """
    known = function.definition
    if known is not None and path in (None, known.path):
        return known
    if path is None:
        path = f"{function.__module__.rpartition('.')[2]}:{function.name}"
    arguments, result = _codecs(function, path)
    made = FunctionDefinition(
        path=path,
        kind=function.kind,
        internal=function.internal,
        anonymous=function.anonymous,
        arguments=arguments,
        result=result,
        fn=function.entry,
        function=function,
        module=function.__module__,
        file=function.file,
        line=function.line,
        timeout=function.timeout,
        is_async=isinstance(function, Action),
        parameters=function.parameters,
        options=function.options,
        label=path.encode(),
    )
    function.definition = made
    return made


def arguments_by_name(
    definition: FunctionDefinition, args: tuple[object, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """All arguments as keywords, as they travel."""
    if not args:
        return kwargs
    names = definition.parameters
    if len(args) > len(names):
        raise ArgumentError(
            f"{definition.path} takes {len(names)} arguments after ctx, {len(args)} were given"
        )
    given = dict(zip(names, args, strict=False))
    twice = next((name for name in given if name in kwargs), None)
    if twice is not None:
        raise ArgumentError(f"{definition.path}: the argument {twice!r} was given twice")
    return given | kwargs


def _codecs(function: Function[..., Any], path: str) -> tuple[ArgumentsCodec, ResultCodec]:
    fn = function.signature
    arguments = ArgumentsCodec.from_signature(fn, path=path)
    if "return" not in fn.__annotations__:
        raise SetupError(
            f"{path}: the return hint is missing",
            f"write def {fn.__name__}(...) -> None: if it returns nothing; results are checked and typed by the hint",
        )
    hint = evaluate(fn.__annotations__["return"], f"{path}, its result", fn.__globals__, {})
    if function.returns is not None:
        ResultCodec(hint, where=f"{path}, its result")  # Refused now if it cannot be sent.
        hint = function.returns
    return arguments, ResultCodec(hint, where=f"{path}, its result")
