"""Results of functions, to bytes and back."""

from __future__ import annotations

from typing import Self, cast

from syncline.kernel.errors import ResultError
from syncline.kernel.limits import Limits
from syncline.values import InvalidValueError, Json, decode_json

from .binding import Binding, Encoder, TableNumbers
from .document import Document
from .hints import HintReader
from .mismatch import Mismatch
from .nodes import TypeNode
from .splicing import JsonEncoders
from .validation_text import validation_text


class ResultCodec:
    """The result of one function, by its return hint (evaluated).

    Raises SetupError, naming `where`, for a type that cannot be a result. Ids are checked against the numbers of
    the tables after `bind`; before it they are only checked to be ids.
    """

    def __init__(
        self,
        hint: object,
        *,
        where: str = "the result",
        tables: TableNumbers | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._hint = hint
        self._where = where
        self.node: TypeNode = HintReader("result").read(hint, where)
        binding = Binding(tables=tables)
        binding.plain = _Documents(binding).plain
        self._encode = JsonEncoders(binding, limits or Limits()).make(self.node)
        self._decode = self.node.decoder(Binding(tables=tables))

    def bind(self, tables: TableNumbers, limits: Limits | None = None) -> Self:
        """The same result, with ids checked to be of the right table."""
        return type(self)(self._hint, where=self._where, tables=tables, limits=limits)

    def encode(self, value: object) -> bytes:
        """A function's result as canonical JSON. Documents that are as they were stored are passed on as bytes.

        Raises ResultError if it is not what the hint says, LimitError if an array or object in it is too large.
        """
        try:
            return self._encode(value)
        except Mismatch as mismatch:
            raise ResultError(
                validation_text("ReturnsValidationError", mismatch, self.to_json_spec())
            ) from None
        except InvalidValueError as error:
            raise ResultError(f"{self._where}: {error}") from None

    def decode(self, raw: bytes) -> object:
        """The Python value of an encoded result. Raises ResultError if it is not one."""
        try:
            return self._decode(decode_json(raw))
        except InvalidValueError as error:
            raise ResultError(f"{self._where}: {error}") from None
        except Mismatch as mismatch:
            raise ResultError(f"{self._where}: {mismatch.sentence('$')}") from None

    def to_json_spec(self) -> Json:
        """The validator of the result."""
        return self.node.spec("output")


class _Documents:
    """Finds stored documents in values of type Any, where no hint announced them."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._encoders: dict[type[Document], Encoder] = {}

    def plain(self, value: object) -> object:
        match value:
            case Document():
                return self._encoder(type(value))(value)
            case list() | tuple():
                return [self.plain(item) for item in cast("list[object]", value)]
            case dict():
                return {name: self.plain(item) for name, item in cast("dict[object, object]", value).items()}
            case _:
                return value

    def _encoder(self, cls: type[Document]) -> Encoder:
        encode = self._encoders.get(cls)
        if encode is None:
            encode = HintReader("result").read(cls, cls.__name__).encoder(self._binding)
            self._encoders[cls] = encode
        return encode
