"""From a row of a file to a document as it will be stored, or to what is wrong with the row."""

from __future__ import annotations

from collections.abc import Mapping

from syncline.database import TableBinding
from syncline.database.catalog import has_null
from syncline.kernel.clock import Clock, Entropy
from syncline.kernel.errors import LimitError
from syncline.kernel.limits import Limits
from syncline.schema.mismatch import show
from syncline.schema.scalars import microseconds
from syncline.store import StagedDocument
from syncline.values import InvalidValueError, Json, Value, check_document, decode_id, encode_id

from .dialects import Restorer
from .plans import TablePlan
from .rows import Row

#: Creation times of new documents go on from the newest one, so none may be far ahead. Clocks differ a little.
_AHEAD_US = 3600 * 1_000_000


class BadRow(Exception):
    """A row that cannot be imported."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class RowReader:
    """Documents of one table. Rows without `_id` and `_creationTime` get new ones, in their order."""

    def __init__(
        self, plan: TablePlan, numbers: Mapping[int, int], limits: Limits, clock: Clock, entropy: Entropy
    ) -> None:
        self._plan = plan
        self._table = plan.table
        self._limits = limits
        self._entropy = entropy
        self._now_us = clock.wall_ns() // 1000
        self._restorer = Restorer(plan.source.dialect, numbers)
        self._fields = {field.name: self._restorer.of(field.node) for field in plan.table.spec.fields}

    def read(self, row: Row) -> StagedDocument:
        """Raises BadRow."""
        if row.tree is None:
            raise BadRow(row.line, row.problem)
        tree = row.tree.copy()
        try:
            internal, text = self._id(tree.pop("_id", None))
            created = self._created(tree.pop("_creationTime", None), row.line)
            fields = self._checked(tree)
            body = self._table.codec.encode_body(fields, text, created)
            check_document(dict(fields), self._limits, body)
        except (_Problem, InvalidValueError, LimitError) as error:
            raise BadRow(row.line, str(error)) from None
        except UnicodeEncodeError:
            raise BadRow(
                row.line, "a string holds one half of a surrogate pair, which is no character"
            ) from None
        return staged(self._table, self._plan.number, row.line, internal, created, fields, body)

    def _id(self, text: Json) -> tuple[bytes, str]:
        """The internal id, and the id as it will be."""
        name = self._table.name
        if text is None:
            millis = self._now_us // 1000
            internal = millis.to_bytes(6, "big") + self._entropy.bytes(10)
            return internal, encode_id(self._plan.number, internal)
        if not isinstance(text, str):
            raise _Problem(f"`{name}._id`: expected an id, got {show(text)}")
        try:
            number, internal = decode_id(text)
        except ValueError as error:
            raise _Problem(f"`{name}._id`: {error}") from None
        expected = self._plan.file_number
        if number not in (expected, self._plan.number):
            raise _Problem(
                f'`{name}._id`: "{text}" is the id of a document of another table: its number is {number}, that of '
                f"{name} is {expected or self._plan.number}"
            )
        return internal, text if number == self._plan.number else encode_id(self._plan.number, internal)

    def _created(self, value: Json, line: int) -> int:
        if value is None:
            return self._now_us + line
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _Problem(
                f"`{self._table.name}._creationTime`: expected milliseconds since the epoch, got {show(value)}"
            )
        try:
            created = microseconds(value)
        except (OverflowError, ValueError):  # NaN and the infinities
            created = -1
        if not 0 <= created <= self._now_us + _AHEAD_US:
            raise _Problem(
                f"`{self._table.name}._creationTime`: expected milliseconds since 1970, and none in the future, "
                f"got {show(value)}"
            )
        return created

    def _checked(self, tree: dict[str, Json]) -> dict[str, Value]:
        restored: dict[str, Value] = {}
        name = ""
        try:
            for name, item in tree.items():
                restore = self._fields.get(name, self._restorer.anything)
                restored[name] = restore(item)
        except InvalidValueError as error:
            raise _Problem(f"`{self._table.name}.{name}{error.path}`: {error.problem}") from None
        fields, problems = self._table.codec.fitted(restored)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            # A misspelled field says more than the one that is missing for it.
            first = next((problem for problem in problems if "did you mean" in problem.expected), problems[0])
            raise _Problem(f"{first}{more}")
        return fields


def staged(
    table: TableBinding,
    number: int,
    line: int,
    internal: bytes,
    created: int,
    fields: dict[str, Value],
    body: bytes,
) -> StagedDocument:
    """A document of a table, which will have the number `number`, with its index entries."""
    tail = created.to_bytes(8, "big") + internal
    entries = [(table.by_creation, tail)]
    uniques: list[tuple[int, bytes]] = []
    for binding in table.indexes:
        for part, offsets in table.codec.index_keys(binding.index, fields):
            entries.append((binding.id, part + tail))
            if binding.unique and not has_null(part, offsets):
                uniques.append((binding.id, part))
    return StagedDocument(number, internal, table.shape, body, line, tuple(entries), tuple(uniques))


class _Problem(Exception):
    """What is wrong with a row."""
