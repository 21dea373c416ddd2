"""Keeping what is known of people with an account, and of their organisations, as the accounts have it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from syncline.database import SystemWriter
from syncline.functions.contexts import MutationCtx
from syncline.functions.decorators import mutation
from syncline.functions.system_db import system_writer
from syncline.kernel.errors import SynclineError
from syncline.schema import Document
from syncline.system import CopyState, Organization, OrganizationMember, UserProfile

D = TypeVar("D", bound=Document)

#: Documents of each kind that one transaction takes away.
_CLEARED = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Profile(msgspec.Struct):
    issuer: str
    name: str
    picture: str
    locale: str
    email: str | None
    metadata: dict[str, Any]
    shared: bool
    since: int  # seconds since the epoch


class _Organization(msgspec.Struct):
    slug: str
    name: str
    metadata: dict[str, Any]
    since: int  # seconds since the epoch


class _Member(msgspec.Struct):
    organization_id: str
    subject: str
    user_id: str
    role: str | None  # None: a member no more
    since: int  # seconds since the epoch


@mutation(internal=True)
def put(
    ctx: MutationCtx,
    profiles: dict[str, str | None],
    organizations: dict[str, str | None],
    members: list[str],
    stamp: str,
    known: list[str],
) -> str:
    """Copies as JSON, by subject and by organisation; None for what is gone. What is as it should be is not written.

    `known` are the stamps that the database may have of batches before, and `stamp` is that of this one. With another
    one the database is of another time than the accounts, such as one that was restored: then all copies are taken away, a
    part at a time ("clearing"), until it is ready for all of them ("anew"). The empty text: these were put.
    """
    db = system_writer(ctx)
    state = db.query(CopyState).first()
    if (state.stamp if state is not None else "") not in known:
        if _clear(db):
            return "clearing"
        _stamp(db, state, stamp)
        return "anew"
    for id, text in organizations.items():
        described = None if text is None else _fields(msgspec.json.decode(text, type=_Organization))
        found = db.query(Organization).where(organization_id=id).unique()
        _put(db, Organization, found, {"organization_id": id}, described)
    for each in members:
        _put_member(db, msgspec.json.decode(each, type=_Member))
    for subject, text in profiles.items():
        profile = None if text is None else _fields(msgspec.json.decode(text, type=_Profile))
        found_one = db.query(UserProfile).where(subject=subject).unique()
        _put(db, UserProfile, found_one, {"subject": subject}, profile)
    _stamp(db, state, stamp)
    return ""


def _clear(db: SystemWriter) -> bool:
    """Whether there was anything."""
    kinds: tuple[type[Document], ...] = (OrganizationMember, Organization, UserProfile)
    gone = [document for cls in kinds for document in db.query(cls).take(_CLEARED)]
    for document in gone:
        db.delete(document)
    return bool(gone)


def _stamp(db: SystemWriter, state: CopyState | None, stamp: str) -> None:
    if state is None:
        db.insert(CopyState(stamp=stamp))
    else:
        db.patch(state, stamp=stamp)


def _put_member(db: SystemWriter, member: _Member) -> None:
    key = {"organization_id": member.organization_id, "subject": member.subject}
    found = db.query(OrganizationMember).where(**key).unique()
    _put(db, OrganizationMember, found, {}, None if member.role is None else _fields(member))


def _put(
    db: SystemWriter, cls: type[D], found: D | None, key: dict[str, str], fields: dict[str, Any] | None
) -> None:
    """`fields` None: it is gone."""
    if fields is None:
        if found is not None:
            db.delete(found)
        return
    try:
        _write(db, cls, found, {**key, **fields})
    except SynclineError:
        if "metadata" not in fields:
            raise
        # Metadata are any JSON; documents do not hold all of it ("$" at the beginning of a name, 64 levels).
        _write(db, cls, found, {**key, **fields, "metadata": {}})


def _write(db: SystemWriter, cls: type[D], found: D | None, fields: dict[str, Any]) -> None:
    if found is None:
        db.insert(cls(**fields))
    elif any(getattr(found, name) != value for name, value in fields.items()):
        db.patch(found, **fields)


def _fields(described: msgspec.Struct) -> dict[str, Any]:
    fields = msgspec.structs.asdict(described)
    fields["since"] = _EPOCH + timedelta(seconds=fields["since"])
    return fields


FUNCTIONS = (put,)
