"""Types of fields as they are written on a command line, and as Python source: hints, samples for tests, defaults.

str  int  float  bool  bytes  int64  datetime  date  uuid  decimal  any
list[T]  dict[T]  open,done (one of these words)  users (the id of a document of that table)  T? (or nothing)
"""

from __future__ import annotations

import difflib
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from syncline.kernel.errors import SetupError

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CONTAINER = re.compile(r"(list|dict)\[(.+)\]")
_ID = re.compile(r"[Ii]d\[(\w+)\]")


class FieldType(Protocol):
    """A type, as text."""

    @property
    def hint(self) -> str: ...

    @property
    def imports(self) -> frozenset[tuple[str, str]]:
        """What the hint and the samples need: (module, name)."""
        ...

    @property
    def tables(self) -> frozenset[str]:
        """The tables that a value needs a document of."""
        ...

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        """Source of a value: 0 and 1 give different ones. `ids` has the source of an id for each table."""
        ...

    def default(self, text: str) -> str | None:
        """Source of the default that `text` means; None if it means none."""
        ...


@dataclass(frozen=True, slots=True)
class Simple:
    """A type with a name."""

    hint: str
    samples: tuple[str, str]
    imports: frozenset[tuple[str, str]] = frozenset()
    #: What a default may look like; the text is its source then.
    literal: re.Pattern[str] | None = None
    tables: frozenset[str] = frozenset()

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        return self.samples[number]

    def default(self, text: str) -> str | None:
        return text if self.literal is not None and self.literal.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Text:
    hint: str = "str"
    imports: frozenset[tuple[str, str]] = frozenset()
    tables: frozenset[str] = frozenset()

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        return ('"one"', '"two"')[number]

    def default(self, text: str) -> str | None:
        return quoted_source(text)


@dataclass(frozen=True, slots=True)
class Boolean:
    hint: str = "bool"
    imports: frozenset[tuple[str, str]] = frozenset()
    tables: frozenset[str] = frozenset()

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        return ("False", "True")[number]

    def default(self, text: str) -> str | None:
        return {"true": "True", "false": "False"}.get(text.lower())


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some words."""

    words: tuple[str, ...]

    @property
    def hint(self) -> str:
        return f"Literal[{', '.join(map(quoted_source, self.words))}]"

    @property
    def imports(self) -> frozenset[tuple[str, str]]:
        return frozenset({("typing", "Literal")})

    @property
    def tables(self) -> frozenset[str]:
        return frozenset()

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        return quoted_source(self.words[number])

    def default(self, text: str) -> str | None:
        return quoted_source(text) if text in self.words else None


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of a document of another table."""

    table: str
    class_name: str

    @property
    def hint(self) -> str:
        return f"Id[{self.class_name}]"

    @property
    def imports(self) -> frozenset[tuple[str, str]]:
        return frozenset({("syncline", "Id")})

    @property
    def tables(self) -> frozenset[str]:
        return frozenset({self.table})

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        return ids[self.table]

    def default(self, text: str) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Container:
    """A list, or a dict whose keys are strings."""

    kind: str
    inner: FieldType

    @property
    def hint(self) -> str:
        return f"{self.kind}[{self.inner.hint}]" if self.kind == "list" else f"dict[str, {self.inner.hint}]"

    @property
    def imports(self) -> frozenset[tuple[str, str]]:
        return self.inner.imports

    @property
    def tables(self) -> frozenset[str]:
        return frozenset()  # An empty one does.

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        opening, closing, key = ("[", "]", "") if self.kind == "list" else ("{", "}", '"key": ')
        if not self.inner.tables <= ids.keys():
            return opening + closing
        return f"{opening}{key}{self.inner.sample(number, ids)}{closing}"

    def default(self, text: str) -> str | None:
        empty = "[]" if self.kind == "list" else "{}"
        return empty if text == empty else None


@dataclass(frozen=True, slots=True)
class Optional:
    inner: FieldType

    @property
    def hint(self) -> str:
        return f"{self.inner.hint} | None"

    @property
    def imports(self) -> frozenset[tuple[str, str]]:
        return self.inner.imports

    @property
    def tables(self) -> frozenset[str]:
        return frozenset()  # None does.

    def sample(self, number: int, ids: Mapping[str, str]) -> str:
        return self.inner.sample(number, ids) if self.inner.tables <= ids.keys() else "None"

    def default(self, text: str) -> str | None:
        return "None" if text.lower() in ("none", "null") else self.inner.default(text)


def quoted_source(text: str) -> str:
    """`text` as a string of Python, in double quotes as formatters want it."""
    plain = repr(text)
    return plain if '"' in text else '"' + plain[1:-1].replace("\\'", "'") + '"'


_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")

SIMPLE: Mapping[str, FieldType] = {
    "str": Text(),
    "int": Simple("int", ("1", "2"), literal=_WHOLE),
    "float": Simple("float", ("0.5", "1.5"), literal=_NUMBER),
    "bool": Boolean(),
    "bytes": Simple("bytes", ('b"one"', 'b"two"')),
    "int64": Simple("Int64", ("Int64(1)", "Int64(2)"), frozenset({("syncline", "Int64")})),
    "datetime": Simple(
        "datetime",
        ("datetime(2030, 1, 1, tzinfo=UTC)", "datetime(2030, 1, 2, tzinfo=UTC)"),
        frozenset({("datetime", "datetime")}),
    ),
    "date": Simple("date", ("date(2030, 1, 1)", "date(2030, 1, 2)"), frozenset({("datetime", "date")})),
    "uuid": Simple("UUID", ("UUID(int=1)", "UUID(int=2)"), frozenset({("uuid", "UUID")})),
    "decimal": Simple("Decimal", ('Decimal("0.5")', 'Decimal("1.5")'), frozenset({("decimal", "Decimal")})),
    "any": Simple("Any", ('"one"', '["two"]'), frozenset({("typing", "Any")})),
}
#: Names that a hint may need, so that no field can have them: the class would take the field for the type.
TYPE_NAMES = frozenset(SIMPLE) | {"list", "dict", "Id", "Literal"}


def parse_type(text: str, field: str, tables: Mapping[str, str]) -> FieldType:
    """The type that `text` means. `tables`: class names by table. Raises SetupError with what could be meant."""
    text = text.strip()
    if text.endswith("?"):
        return Optional(parse_type(text[:-1], field, tables))
    parts = [part.strip() for part in re.split(r"[|,](?![^\[]*\])", text)]
    if len(parts) > 1 and any(part.lower() == "none" for part in parts):
        rest = "|".join(part for part in parts if part.lower() != "none")
        return Optional(parse_type(rest, field, tables))
    if len(parts) > 1:
        return _one_of(parts, field)
    if found := _CONTAINER.fullmatch(text):
        inner = found[2].strip()
        if found[1] == "dict":
            inner = re.sub(r"^str\s*,\s*", "", inner)
        return Container(found[1], parse_type(inner, field, tables))
    if found := _ID.fullmatch(text):
        text = found[1]
    for table, class_name in tables.items():
        if text in (table, class_name):
            return Reference(table, class_name)
    simple = SIMPLE.get(text.lower())
    if simple is None or found:
        raise _unknown(text, field, tables)
    return simple


def _one_of(words: list[str], field: str) -> FieldType:
    for word in words:
        if not _WORD.fullmatch(word) or keyword.iskeyword(word):
            raise SetupError(
                f"{field}: {word!r} cannot be one of its values",
                "write words: state:open,done or 'state:open|done'",
            )
        if word.lower() in SIMPLE:
            raise SetupError(
                f"{field}: values of several types cannot be written here",
                f"add the field with one type, and change its hint to `{' | '.join(words)}` afterwards",
            )
    if len(set(words)) < len(words):
        raise SetupError(
            f"{field}: one of its values is written twice", f"write {field}:{','.join(dict.fromkeys(words))}"
        )
    return OneOf(tuple(words))


def _unknown(text: str, field: str, tables: Mapping[str, str]) -> SetupError:
    known = [*SIMPLE, "list[str]", "dict[str]", *sorted(tables)]
    near = difflib.get_close_matches(text.lower(), known, 1)
    meant = f"did you mean `{field}:{near[0]}`? " if near else ""
    return SetupError(
        f"{field}: `{text}` is no type and no table of this application",
        f"{meant}Types are {', '.join(SIMPLE)}, list[T], dict[T], words such as open,done, and tables"
        + (f": {', '.join(sorted(tables))}" if tables else " (there are none yet)"),
    )
