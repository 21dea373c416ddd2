"""Arguments of functions: one object on the wire, keyword arguments in Python."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from syncline.kernel.errors import ArgumentError, SetupError
from syncline.kernel.limits import Limits
from syncline.values import InvalidValueError, Json, Value, check_value, decode_json, encode_json

from .binding import Binding, Decoder, TableNumbers
from .definition import MISSING, Missing
from .document import default_factory
from .hints import HintReader, evaluate
from .mismatch import Mismatch, did_you_mean, show
from .native import is_ready, native_type
from .nodes import TypeNode
from .objects import RecordField, convert_fields
from .signature_nodes import PaginationNode
from .sizes import least_large_json
from .validation_text import validation_text

_PAGINATION = "paginationOpts"
_asdict = msgspec.structs.asdict


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument: `attribute` in Python, `name` on the wire."""

    name: str
    attribute: str
    node: TypeNode
    default: object | Missing

    @property
    def required(self) -> bool:
        return self.default is MISSING


class ArgumentsCodec:
    """The arguments of one function, read from its signature (all parameters after `ctx`).

    Made once the module of the function is loaded. Ids are checked against the numbers of the tables after `bind`;
    before it they are only checked to be ids.
    """

    def __init__(
        self,
        path: str,
        parameters: Sequence[Parameter],
        tables: TableNumbers | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.path = path
        self._limits = limits or Limits()
        self._suspicious = least_large_json(self._limits)
        self.parameters = tuple(parameters)
        self._by_attribute = {parameter.attribute: parameter for parameter in parameters}
        self._defaults = {p.attribute: p.default for p in parameters if not isinstance(p.default, Missing)}
        binding = Binding(tables=tables)
        self._encoders = {p.attribute: p.node.encoder(binding) for p in parameters}
        self._plan = [
            (
                RecordField(p.name, p.attribute, p.node, p.required, p.required),
                p.node.decoder(binding),
            )
            for p in parameters
        ]
        self._decode_row, self._steps = self._fast_path()

    @classmethod
    def from_signature(cls, fn: Callable[..., object], *, path: str = "") -> Self:
        """Read the signature of `fn`. `path` (`messages:send`) is for errors; without it the function's name serves.

        Raises SetupError for a parameter without a hint, of a type that cannot be an argument, with a default that
        does not fit, and for *args, **kwargs and positional-only parameters.
        """
        where = f"{fn.__module__}.{fn.__qualname__}()"
        parameters = list(inspect.signature(fn).parameters.values())
        if not parameters:
            raise SetupError(
                f"{where} has no first parameter", "functions take ctx first: def send(ctx: MutationCtx, ...)"
            )
        module = vars(sys.modules[fn.__module__]) if fn.__module__ in sys.modules else {}
        names = getattr(inspect.unwrap(fn), "__globals__", module)
        reader = HintReader("argument")
        return cls(path or where, [_parameter(each, where, names, reader) for each in parameters[1:]])

    def bind(self, tables: TableNumbers, limits: Limits | None = None) -> Self:
        """The same arguments, with ids checked to be of the right table."""
        return type(self)(self.path, self.parameters, tables, limits)

    @property
    def has_pagination(self) -> str | None:
        """The name of the PaginationOptions parameter in Python, if there is one."""
        return next((p.attribute for p in self.parameters if isinstance(p.node, PaginationNode)), None)

    def decode(self, raw: bytes) -> dict[str, object]:
        """Keyword arguments from the JSON of the arguments object, with defaults. Raises ArgumentError."""
        if len(raw) > self._suspicious:
            return self.decode_by_reference(raw)
        try:
            row = self._decode_row(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return self.decode_by_reference(raw)
        arguments = _asdict(row)
        if self._steps:
            try:
                for name, convert in self._steps:
                    arguments[name] = convert(arguments[name])
            except (Mismatch, InvalidValueError):
                return self.decode_by_reference(raw)
        return arguments

    def encode(self, arguments: Mapping[str, object]) -> bytes:
        """Keyword arguments as they go on the wire, for callers in Python. Raises ArgumentError."""
        return encode_json(self._encoded(arguments))

    def check(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """Keyword arguments as the function would get them from the wire: checked, copied, with defaults."""
        encoded = self._encoded(arguments)
        try:
            decoded = convert_fields(self._plan, encoded)
        except Mismatch as mismatch:
            raise self._error(mismatch) from None
        return self._with_defaults(decoded)

    def to_json_spec(self) -> Json:
        """The validator of the arguments object."""
        value: dict[str, Json] = {
            p.name: {"fieldType": p.node.spec("input"), "optional": not p.required} for p in self.parameters
        }
        return {"type": "object", "value": value}

    def _encoded(self, arguments: Mapping[str, object]) -> dict[str, Value]:
        encoded: dict[str, Value] = {}
        for attribute, value in arguments.items():
            encode = self._encoders.get(attribute)
            if encode is None:
                known = self._encoders
                raise ArgumentError(
                    f"{self.path}: there is no argument `{attribute}`{did_you_mean(attribute, known)}"
                )
            try:
                encoded[self._by_attribute[attribute].name] = encode(value)
            except Mismatch as mismatch:
                raise self._error(mismatch.within(f".{attribute}")) from None
        for parameter in self.parameters:
            if parameter.required and parameter.attribute not in arguments:
                raise ArgumentError(
                    f"{self.path}: the argument `{parameter.attribute}` is missing: expected {parameter.node.describe()}"
                )
        return encoded

    def decode_by_reference(self, raw: bytes) -> dict[str, object]:
        """The same as `decode`, by way of the whole tree. It knows every form of a value, and says what is wrong.

        Raises ArgumentError, and LimitError for an array or object that is too large.
        """
        try:
            tree = decode_json(raw)
        except InvalidValueError as error:
            raise ArgumentError(f"Invalid arguments for {_js_path(self.path)}: {error}") from None
        if type(tree) is not dict:
            raise ArgumentError(
                f"Invalid arguments for {_js_path(self.path)}: the arguments are one object by name, got {show(tree)}"
            )
        if len(raw) > self._suspicious:
            check_value(tree, self._limits)
        try:
            decoded = convert_fields(self._plan, tree)
        except Mismatch as mismatch:
            raise ArgumentError(
                validation_text("ArgumentValidationError", mismatch, self.to_json_spec())
            ) from None
        return self._with_defaults(decoded)

    def _with_defaults(self, arguments: dict[str, object]) -> dict[str, object]:
        for name, default in self._defaults.items():
            if name not in arguments:
                make = default_factory(default)
                arguments[name] = default if make is None else make()
        return arguments

    def _error(self, mismatch: Mismatch) -> ArgumentError:
        return ArgumentError(f"{self.path}: {mismatch.sentence('$')}")

    def _fast_path(self) -> tuple[Callable[[bytes], Any], list[tuple[str, Callable[[Any], object]]]]:
        """A typed decoder of all arguments, and what is left to do with some of them."""
        fields: list[Any] = []
        steps: list[tuple[str, Callable[[Any], object]]] = []
        for parameter, (_, decode) in zip(self.parameters, self._plan, strict=True):
            native = native_type(parameter.node)
            name = parameter.attribute
            if native is None:
                native = msgspec.Raw
                steps.append((name, _raw_step(decode, parameter.default)))
            elif not is_ready(parameter.node, trusted=False):
                steps.append((name, _native_step(decode, parameter.default)))
            fields.append((name, native) if parameter.required else (name, native, _row_default(parameter)))
        rename = {p.attribute: p.name for p in self.parameters}
        row = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True, rename=rename)
        return msgspec.json.Decoder(row).decode, steps


def _parameter(
    parameter: inspect.Parameter, where: str, names: Mapping[str, object], reader: HintReader
) -> Parameter:
    place = f"{where}, argument {parameter.name}"
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
        raise SetupError(
            f"{where} takes {stars}{parameter.name}", "arguments have names and types: list them"
        )
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise SetupError(f"{place} is positional-only, and arguments are passed by name", "remove the /")
    if parameter.annotation is parameter.empty:
        raise SetupError(f"{place} has no type", f"write {parameter.name}: str, or what it is")
    node = reader.read(evaluate(parameter.annotation, place, names, {}), place)
    name = _PAGINATION if isinstance(node, PaginationNode) else parameter.name
    if parameter.default is parameter.empty:
        return Parameter(name, parameter.name, node, MISSING)
    try:
        node.encoder(Binding())(parameter.default)
    except Mismatch as mismatch:
        raise SetupError(
            f"{place}: its default does not fit: expected {mismatch.expected}, got {mismatch.got}",
            "give a default of its type; for None write ... | None",
        ) from None
    return Parameter(name, parameter.name, node, parameter.default)


def _row_default(parameter: Parameter) -> Any:
    make = default_factory(parameter.default)
    return parameter.default if make is None else msgspec.field(default_factory=make)


def _raw_step(decode: Decoder, default: object) -> Callable[[Any], object]:
    return lambda value: decode(decode_json(bytes(value))) if type(value) is msgspec.Raw else value


def _native_step(decode: Decoder, default: object) -> Callable[[Any], object]:
    if default is MISSING:
        return decode
    # A default is a Python value already; only an argument that was left out is this very object.
    return lambda value: value if value is default else decode(value)


def _js_path(path: str) -> str:
    """`messages:send` as errors on the wire write it: `messages.js:send`."""
    module, colon, name = path.rpartition(":")
    return f"{module}.js:{name}" if colon and not module.endswith(".js") else path
