"""Results of functions, to bytes and back."""

from __future__ import annotations

from typing import Self

from syncline.kernel.errors import ResultError
from syncline.values import InvalidValueError, Json, decode_json

from .arguments import validation_text
from .hints import HintReader
from .mismatch import Mismatch
from .nodes import Binding, TableNumbers, TypeNode
from .splicing import json_encoder


class ResultCodec:
    """The result of one function, by its return hint (evaluated).

    Raises SetupError, naming `where`, for a type that cannot be a result.
    """

    def __init__(
        self, hint: object, *, where: str = "the result", tables: TableNumbers | None = None
    ) -> None:
        self._hint = hint
        self._where = where
        self.node: TypeNode = HintReader("result").read(hint, where)
        binding = Binding(tables=tables)
        self._encode = json_encoder(self.node, binding)
        self._decode = self.node.decoder(binding)

    def bind(self, tables: TableNumbers) -> Self:
        """The same result, with ids checked to be of the right table."""
        return type(self)(self._hint, where=self._where, tables=tables)

    def encode(self, value: object) -> bytes:
        """A function's result as canonical JSON. Documents that are as they were stored are passed on as bytes.

        Raises ResultError if it is not what the hint says.
        """
        try:
            return self._encode(value)
        except Mismatch as mismatch:
            raise ResultError(
                validation_text("ReturnsValidationError", mismatch, self.to_json_spec())
            ) from None

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
