"""Keeping the profiles of people with an account as the accounts have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from syncline.database import SystemWriter
from syncline.functions.contexts import MutationCtx
from syncline.functions.decorators import mutation
from syncline.functions.system_db import system_writer
from syncline.kernel.errors import SynclineError
from syncline.system import UserProfile

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


@mutation(internal=True)
def put(ctx: MutationCtx, changes: dict[str, str | None]) -> None:
    """Profiles as JSON, by subject; None for somebody who is gone. What is as it should be is not written."""
    db = system_writer(ctx)
    for subject, text in changes.items():
        found = db.query(UserProfile).where(subject=subject).unique()
        if text is not None:
            _put(db, found, subject, msgspec.json.decode(text, type=_Profile))
        elif found is not None:
            db.delete(found)


def _put(db: SystemWriter, found: UserProfile | None, subject: str, profile: _Profile) -> None:
    fields = msgspec.structs.asdict(profile)
    fields["since"] = _EPOCH + timedelta(seconds=profile.since)
    try:
        _write(db, found, subject, fields)
    except SynclineError:
        # Metadata are any JSON; documents do not hold all of it ("$" at the beginning of a name, 64 levels).
        _write(db, found, subject, {**fields, "metadata": {}})


def _write(db: SystemWriter, found: UserProfile | None, subject: str, fields: dict[str, Any]) -> None:
    if found is None:
        db.insert(UserProfile(subject=subject, **fields))
    elif any(getattr(found, name) != value for name, value in fields.items()):
        db.patch(found, **fields)


FUNCTIONS = (put,)
