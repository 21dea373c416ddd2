"""What is called: a path, or a function of the application itself, which also says what its values are in Python."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeGuard, TypeVar, cast

from syncline.kernel.errors import ArgumentError, SetupError
from syncline.protocol import parse_path
from syncline.schema import ArgumentsCodec, ResultCodec, evaluate
from syncline.values import InvalidValueError, decode_json, encode_json

from .errors import ClientError
from .remote import RemoteAction, RemoteFunction, RemoteMutation, RemoteQuery

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Decorated(Protocol):
    """What the client asks of a function that was made by `@query`, `@mutation` or `@action`."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Any: ...
    @property
    def fn(self) -> Callable[..., Any]: ...
    @property
    def parameters(self) -> tuple[str, ...]: ...


class AppFunction(_Decorated, Protocol[P, R_co]):
    """A decorated function, as the types of the client see it: its parameters after `ctx`, and its result."""

    def __call__(self, ctx: Any, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class AsyncAppFunction(_Decorated, Protocol[P, R_co]):
    """A decorated `async def`."""

    def __call__(self, ctx: Any, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...


#: What is called as a query, a mutation or an action: the application's own, or what codegen wrote of it.
AnyQuery: TypeAlias = AppFunction[P, R] | RemoteQuery[P, R]
AnyMutation: TypeAlias = AppFunction[P, R] | RemoteMutation[P, R]
AnyAction: TypeAlias = AppFunction[P, R] | RemoteAction[P, R]


@dataclass(frozen=True, slots=True)
class Bound:
    """A function with its path on the wire and the codecs of its values."""

    path: str
    parameters: tuple[str, ...]
    encode_named: Callable[[dict[str, object]], bytes]
    decode_result: Callable[[bytes], object]

    def encode(self, args: tuple[object, ...], kwargs: dict[str, object]) -> bytes:
        """The arguments object. Raises ArgumentError, TypeError."""
        if len(args) > len(self.parameters):
            if not self.parameters:
                raise TypeError(
                    f"{self.path}: arguments have names: call it with channel=..., not by position"
                )
            raise TypeError(f"{self.path} takes {len(self.parameters)} arguments, got {len(args)}")
        named = dict(zip(self.parameters, args, strict=False))
        twice = named.keys() & kwargs.keys()
        if twice:
            raise TypeError(f"{self.path} got the argument {min(twice)} twice")
        try:
            return self.encode_named(named | kwargs)
        except InvalidValueError as error:
            raise ArgumentError(f"{self.path}: {error}") from None

    def decode(self, raw: bytes) -> object:
        """The result. Raises ClientError if it is not what the hint says."""
        try:
            return self.decode_result(raw)
        except Exception as error:
            raise ClientError(
                f"{self.path}: the result does not fit the function's hint here; the server may run another version of "
                f"the application: {error}"
            ) from error


class Functions:
    """Finds out what is called, once per function.

    `package` is the application's package as it is imported here (`backend`, or `project.backend`); without it the
    part of the module's name before the first dot.
    """

    def __init__(self, package: str | None = None) -> None:
        self._package = package
        self._bound: dict[object, Bound] = {}

    def find(self, function: object, kind: str) -> Bound:
        """Raises PathError, SetupError; TypeError for what is no function, or of another kind."""
        bound = self._bound.get(function)
        if isinstance(function, str):
            if bound is None:
                bound = Bound(parse_path(function), (), encode_json, decode_json)
                if len(self._bound) < 10_000:
                    self._bound[function] = bound
            return bound
        if isinstance(function, RemoteFunction):
            actual: str = function.kind
        elif _is_decorated(function):
            actual = str(function.kind.value).lower()
        else:
            raise TypeError(
                f"{function!r} is neither a path such as 'messages:list' nor a decorated function"
            )
        if actual != kind:
            article = "an" if actual == "action" else "a"
            raise TypeError(f"{function!r} is {article} {actual}: call it by client.{actual}(...)")
        if bound is None:
            bound = self._bound[function] = self._bind(
                cast("_Decorated | RemoteFunction[..., Any]", function)
            )
        return bound

    def _bind(self, function: _Decorated | RemoteFunction[..., Any]) -> Bound:
        fn = function.fn
        if isinstance(function, RemoteFunction):
            path = function.path
        else:
            path = parse_path(f"{self._module_on_the_wire(fn.__module__)}:{function.name}")
        if "return" not in fn.__annotations__:
            raise SetupError(
                f"{path}: the return hint is missing", "results are typed by it: def ... -> None:"
            )
        where = f"{path}, its result"
        hint = evaluate(fn.__annotations__["return"], where, fn.__globals__, {})
        arguments = ArgumentsCodec.from_signature(fn, path=path)
        return Bound(path, function.parameters, arguments.encode, ResultCodec(hint, where=where).decode)

    def _module_on_the_wire(self, module: str) -> str:
        if self._package is None:
            return (module.partition(".")[2] or module).replace(".", "/")
        if not module.startswith(self._package + "."):
            raise SetupError(
                f"{module} is not in the package {self._package}",
                "give the client the name of the application's package: Client(url, package=...)",
            )
        return module.removeprefix(self._package + ".").replace(".", "/")


def _is_decorated(function: object) -> TypeGuard[_Decorated]:
    return all(hasattr(function, name) for name in ("name", "kind", "fn", "parameters"))
