"""Who may see and change the rows of a table: what stands behind `access` in a document class.

These are declarations only. The database enforces them in every public function; see `syncline.database.rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from .index import Index

#: Read, insert and delete predicates: a QueryCtx and the document. The context is made by a layer above this one, and
#: the class of the document is only being written, so that neither type can be named here.
Predicate: TypeAlias = Callable[[Any, Any], bool]
#: Update predicates: a QueryCtx, the document before and the document after.
Change: TypeAlias = Callable[[Any, Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of a table. Made by `owned_by`, `members`, `public_read`, `private` and `Rules`."""


@dataclass(frozen=True, slots=True)
class OwnedBy(Access):
    owner: str


@dataclass(frozen=True, slots=True)
class PublicRead(Access):
    owner: str


@dataclass(frozen=True, slots=True, eq=False)
class Members(Access):
    #: The field of the rows: one value or a list of them; `id` for the id of the row itself.
    group: str
    #: An index of the table of memberships that begins with the subject.
    via: Index
    #: The field of the memberships that `group` is compared with.
    field: str


@dataclass(frozen=True, slots=True)
class Private(Access):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules(Access):
    """Rules of one's own: predicates that say who may do what. What has no predicate nobody may do.

        access = Rules(
            read=lambda ctx, doc: doc.published or doc.author == ctx.auth.require().subject,
            update=lambda ctx, old, new: old.author == new.author == ctx.auth.require().subject,
        )

    `read`, `insert` and `delete` get the context of a query and the document, `update` the document before and after.
    They must return True or False, and may read through `ctx.db`, without any restriction. What can be changed must
    be readable. Each row that a query looks at costs a call of `read`, and rows that it refuses were read all the same.
    """

    read: Predicate | None = None
    insert: Predicate | None = None
    update: Change | None = None
    delete: Predicate | None = None


def owned_by(owner: str) -> Access:
    """Rows belong to the caller whose `subject` is in the field `owner`; nobody else sees or changes them.

    The table needs an index that begins with the field: a caller's lists read that caller's rows alone. With
    `user_id: str = ""` the field may be left out on insert, and is filled in.
    """
    return OwnedBy(owner)


def public_read(owner: str) -> Access:
    """Everybody sees all rows, signed in or not; only the caller whose `subject` is in `owner` changes them."""
    return PublicRead(owner)


def members(group: str, *, via: Index, field: str) -> Access:
    """Rows whose `group`, one value or a list, is among the caller's memberships, which may also change them.

        class TeamMember(Document):
            user_id: str
            team: Id[Team]

            by_user = Index("user_id")

        class Task(Document):
            team: Id[Team]

            by_team = Index("team")
            access = members("team", via=TeamMember.by_user, field="team")

    A caller's memberships are the rows that `via` has under the caller's subject, and `field` is compared with
    `group`. Rows can only be put into groups that the caller is a member of.
    """
    return Members(group, via, field)


#: Rows that no public function sees or changes: internal functions only.
private: Access = Private()
