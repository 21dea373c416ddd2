"""What rules mean, written down a second time and without regard to cost: what the deny matrix compares with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from syncline.schema import Members, OwnedBy, Private, PublicRead, Rules, TableSpec

#: A stored row, as clients would see it.
Row: TypeAlias = Mapping[str, Any]

READS = ("get", "list", "count", "paginate", "subscribe")
WRITES = ("insert", "patch", "replace", "delete")
OPERATIONS = (*READS, *WRITES)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a caller may do with one row: see it, insert one like it, and change it."""

    sees: bool
    insert: str
    change: str

    def of(self, operation: str) -> str:
        if operation in READS:
            return "allowed" if self.sees else "not found"
        return self.insert if operation == "insert" else self.change


EVERYTHING = Expected(True, "allowed", "allowed")


def expected(spec: TableSpec, row: Row, subject: str | None, memberships: Sequence[Row]) -> Expected | None:
    """What the rule of a table says about a row; None for `Rules(...)`, which only its author knows.

    `memberships` are the rows of the table that `members(...)` names.
    """
    access = spec.access
    match access:
        case OwnedBy(owner):
            mine = subject is not None and row[owner] == subject
            return Expected(mine, _insert(subject, row[owner]), "allowed" if mine else "not found")
        case PublicRead(owner):
            mine = subject is not None and row[owner] == subject
            refused = "unauthenticated" if subject is None else "forbidden"
            return Expected(True, _insert(subject, row[owner]), "allowed" if mine else refused)
        case Members(group, via, field):
            key = "_id" if group == "id" else group
            groups: list[Any] = row[key] if isinstance(row[key], list) else [row[key]]
            mine_all = [item[field] for item in memberships if item[via.fields[0]] == subject]
            sees = subject is not None and any(item is not None and item in mine_all for item in groups)
            within = bool(groups) and all(item in mine_all for item in groups) and group != "id"
            insert = "unauthenticated" if subject is None else "allowed" if within else "forbidden"
            return Expected(sees, insert, "allowed" if sees else "not found")
        case Private():
            return Expected(False, "forbidden", "not found")
        case Rules():
            return None
        case _:
            return EVERYTHING


def _insert(subject: str | None, owner: str) -> str:
    if subject is None:
        return "unauthenticated"
    return "allowed" if owner in ("", subject) else "forbidden"
