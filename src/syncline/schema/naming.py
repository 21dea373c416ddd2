"""Names of tables, fields and indexes."""

from __future__ import annotations

import re

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

RESERVED_FIELDS = frozenset({"id", "created_at", "access"})
#: The two orders that every table has anyway.
RESERVED_INDEXES = frozenset({"by_id", "by_creation", "by_creation_time"})


def table_name_of(class_name: str) -> str:
    """The class name in snake_case, plural: `TeamMember` -> `team_members`, `Category` -> `categories`."""
    words = _WORDS.sub("_", class_name).lower()
    return _plural(words)


def _plural(word: str) -> str:
    if word.endswith("y") and len(word) > 1 and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    return word + "s"


def problem_with_name(name: str, *, system: bool = False) -> str:
    """Why `name` cannot name a table, a field or an index; empty if it can. `system`: a table of Syncline itself."""
    if not _IDENTIFIER.fullmatch(name):
        return "names are letters, digits and _, do not begin with a digit, and have at most 64 characters"
    if name.startswith("_") and not system:
        return "names that begin with _ are reserved"
    return ""
