"""What a new table's class, module and functions are called."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass

from syncline.kernel.errors import SetupError, quoted
from syncline.schema.naming import problem_with_name, table_name_of

_IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "data": "datum",
    "media": "medium",
}


@dataclass(frozen=True, slots=True)
class TableNames:
    """`team_members`, `TeamMember`, `team_member`."""

    table: str
    class_name: str
    #: A document, as the name of a parameter.
    one: str

    @property
    def base(self) -> str:
        """How the class is declared: with the table's name where that does not follow from the class's."""
        follows = table_name_of(self.class_name) == self.table
        return "Document" if follows else f'Document, table="{self.table}"'


def names_for(table: str) -> TableNames:
    """The names of a new table: given as `team_members`, or as the class `TeamMember`. Raises SetupError."""
    if re.fullmatch(r"[A-Z][A-Za-z0-9]*", table) and table != table.upper():
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", table).lower()
        table = words if _singular(words) != words else table_name_of(table)
    problem = problem_with_name(table)
    if not problem and table != table.lower():
        problem = "write it in small letters"
    if not problem and keyword.iskeyword(table):
        problem = "it is a word of Python"
    if problem:
        better = re.sub(r"\W+", "_", table.lower()).strip("_").lstrip("0123456789_") or "notes"
        raise SetupError(f"{quoted(table)} cannot name a table: {problem}", f"try `{better}`")
    one = _singular(table)
    class_name = "".join(word.capitalize() for word in one.split("_"))
    return TableNames(table, class_name, f"{one}_" if _is_taken(one) else one)


def _singular(table: str) -> str:
    start, underscore, word = table.rpartition("_")
    return start + underscore + _IRREGULAR.get(word, _singular_word(word))


def _singular_word(word: str) -> str:
    for ending, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("shes", "sh"),
        ("ches", "ch"),
        ("xes", "x"),
        ("zes", "z"),
        ("s", ""),
    ):
        single = word.removesuffix(ending) + instead
        if (
            word.endswith(ending)
            and not word.endswith("ss")
            and len(single) > 1
            and table_name_of(single) == word
        ):
            return single
    return word


def _is_taken(name: str) -> bool:
    return keyword.iskeyword(name) or hasattr(builtins, name) or name in ("ctx", "changes", "limit")
